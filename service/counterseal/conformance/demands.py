"""Demands: they narrow what verifies, each by its own reason, and never widen it."""

from dataclasses import replace

from counterseal.conformance.base import Checks
from counterseal.conformance.case import Sample
from counterseal.conformance.expect import expect
from counterseal.conformance.walk import examined, rejected, verified
from counterseal.core.model import HttpRequest, Reason


class DemandChecks(Checks):
    """What a gateway requires beyond a matching signature."""

    def test_demanded_schemes(self) -> None:
        """Its own name among them verifies; without it, UNSUPPORTED_SCHEME."""
        name = self.case.scheme.name
        for sample, request in self.signed():
            for names in ({name}, {name, "another"}):
                verified(
                    self.case, sample, request, "demanded", demand=replace(sample.demand, allowed_schemes=frozenset(names))
                )
            for names in ({"another"}, {name + "x"}, {name.upper() + "!"}):
                self._refuse_demand(sample, request, {Reason.UNSUPPORTED_SCHEME}, allowed_schemes=frozenset(names))

    def test_a_demanded_key(self) -> None:
        """The signer's own verifies; another one never does."""
        for sample, request in self.signed():
            key_id = sample.signer.key.key_id
            verified(self.case, sample, request, "its key demanded", demand=replace(sample.demand, key_id=key_id))
            wanted = {Reason.OUT_OF_SCOPE, Reason.UNKNOWN_KEY, Reason.UNSIGNED, Reason.MALFORMED, Reason.UNSUPPORTED_SCHEME}
            self._refuse_demand(sample, request, wanted, key_id=key_id + "x")

    def test_demanded_tenants(self) -> None:
        """A key outside them reads as unknown; an empty set holds nobody."""
        for sample, request in self.signed():
            tenant = sample.signer.key.tenant
            verified(self.case, sample, request, "its tenant", demand=replace(sample.demand, tenants=frozenset({tenant, "x"})))
            for tenants in ({"else"}, set(), {tenant + "x"}):
                self._refuse_demand(sample, request, {Reason.UNKNOWN_KEY}, tenants=frozenset(tenants))

    def test_demanded_headers(self) -> None:
        """Those that are covered verify; one that is not is NOT_COVERED, present or not."""
        for sample, base in self.baselines():
            covered = frozenset(base.verdict.coverage.headers)
            demand = replace(sample.demand, required_headers=covered)
            verified(self.case, sample, base.signed, "all covered headers demanded", demand=demand)
            spare = {name for name, _ in base.signed.headers} - covered
            for name in (b"no-such-header", *spare):
                self._refuse_demand(sample, base.signed, {Reason.NOT_COVERED}, required_headers=frozenset({name}))

    def test_demanded_regions_and_services(self) -> None:
        """A scheme without scopes meets no such demand."""
        for sample, request in self.signed():
            scope = examined(self.case, sample, request).scope
            for name in ("regions", "services"):
                own = getattr(scope, name[:-1], "")
                if own:
                    demand = replace(sample.demand, **{name: frozenset({own, "x"})})  # type: ignore[arg-type]
                    verified(self.case, sample, request, f"its {name} demanded", demand=demand)
                self._refuse_demand(sample, request, {Reason.OUT_OF_SCOPE}, **{name: frozenset({own + "x"})})

    def test_demanded_components(self) -> None:
        """Those that are covered verify; one that is not never does."""
        for sample, base in self.baselines():
            own = base.verdict.coverage.components
            if not own:
                continue
            demand = replace(sample.demand, required_components=own)
            verified(self.case, sample, base.signed, "its components demanded", demand=demand)
            self._refuse_demand(sample, base.signed, {Reason.NOT_COVERED}, required_components=('"no-such-header"',))

    def test_a_demand_that_the_scheme_cannot_meet(self) -> None:
        """A scheme without components, labels or tags meets no demand of one: it must not look met."""
        for sample, base in self.baselines():
            if base.verdict.coverage.components:
                continue
            for demanded in ({"required_components": ('"@method"',)}, {"label": "sig1"}, {"tag": "app"}):
                self._refuse_demand(sample, base.signed, {Reason.NOT_COVERED}, **demanded)

    def test_a_wider_demand_does_not_help(self) -> None:
        """A forged request stays forged whatever is demanded."""
        for sample in self.case.samples:
            forged = self.case.sign(sample, sample.signer.stranger)
            key = sample.signer.key
            demand = replace(
                sample.demand,
                allowed_schemes=frozenset({self.case.scheme.name}),
                key_id=key.key_id,
                tenants=frozenset({key.tenant}),
            )
            found = rejected(self.case, sample, forged, "forged", demand=demand)
            expect(found.reason is Reason.MISMATCH, f"{sample.name}: forged, and refused as {found.reason.value}")

    def _refuse_demand(self, sample: Sample, request: HttpRequest, reasons: set[Reason], **changes: object) -> None:
        demand = replace(sample.demand, **changes)  # type: ignore[arg-type]
        why = f"{', '.join(changes)} demanded otherwise"
        found = rejected(self.case, sample, request, why, demand=demand)
        expect(found.reason in reasons, f"{sample.name}: {why}, and refused as {found.reason.value}: {found.detail}")
