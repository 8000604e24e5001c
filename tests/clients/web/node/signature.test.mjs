// Signature bases, letter by letter.
import assert from "node:assert/strict";
import { test } from "node:test";
import { web } from "./support.mjs";

const PARAMETERS = { created: 1_700_000_000, nonce: "bm9uY2U", keyid: "CSPK2", alg: "ecdsa-p256-sha256" };
const TAIL = ';created=1700000000;nonce="bm9uY2U";keyid="CSPK2";alg="ecdsa-p256-sha256";tag="counterseal-web"';

test("a request without a body", () => {
  const url = web.plainUrl(new URL("https://API.Example:443/orders/7?full=1&x=a%20b#part"));
  assert.equal(
    web.signatureBase({ method: "GET", url }, PARAMETERS),
    [
      '"@method": GET',
      '"@authority": api.example',
      '"@path": /orders/7',
      '"@query": ?full=1&x=a%20b',
      `"@signature-params": ("@method" "@authority" "@path" "@query")${TAIL}`,
    ].join("\n"),
  );
});

test("a request with a body", async () => {
  const contentDigest = await web.contentDigest(new TextEncoder().encode('{"hello": "world"}'));
  // RFC 9530 appendix B.1 has the digest of these bytes.
  assert.equal(contentDigest, "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
  const url = new URL("http://localhost:8080");
  assert.equal(
    web.signatureBase({ method: "POST", url, contentDigest, contentType: "application/json" }, PARAMETERS),
    [
      '"@method": POST',
      '"@authority": localhost:8080',
      '"@path": /',
      '"@query": ?',
      '"content-digest": sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:',
      '"content-type": application/json',
      `"@signature-params": ("@method" "@authority" "@path" "@query" "content-digest" "content-type")${TAIL}`,
    ].join("\n"),
  );
});

const SPELLINGS = [
  ["http://h/a|b^{c}[d]`e`\"f\"?x=|^{}`[1]", "http://h/a%7Cb%5E%7Bc%7D%5Bd%5D%60e%60%22f%22?x=%7C%5E%7B%7D%60[1]"],
  ["http://h/100%?q=50%&r=%zz&s=%4a", "http://h/100%25?q=50%25&r=%25zz&s=%4a"],
  ["http://H:80/a/./b/../c/%2E%2e/d", "http://h/a/d"],
  ["http://h//a//b/?", "http://h//a//b/?"],
  ["http://h/?#f", "http://h/?"],
  ["http://h/#?", "http://h/"],
  ["http://[2001:DB8::1]:8080/", "http://[2001:db8::1]:8080/"],
  ["https://bücher.example/ü?ö='", "https://xn--bcher-kva.example/%C3%BC?%C3%B6=%27"],
];
for (const [given, plain] of SPELLINGS) {
  test(`the spelling of ${given}`, () => {
    const url = web.plainUrl(new URL(given));
    assert.equal(url.href, plain);
    assert.equal(web.plainUrl(url).href, plain);
  });
}

test("what cannot stand in a base is refused", () => {
  const url = new URL("http://h/");
  assert.throws(() => web.signatureBase({ method: "GET", url }, { ...PARAMETERS, keyid: 'a"b' }), web.NotSignable);
  const typed = { method: "POST", url, contentDigest: "sha-256=:AA==:", contentType: "text/plain; name=ü" };
  assert.throws(() => web.signatureBase(typed, PARAMETERS), web.NotSignable);
  const split = { ...typed, contentType: 'a\n"@method": GET' };
  assert.throws(() => web.signatureBase(split, PARAMETERS), web.NotSignable);
});
