"""Who calls us, and what each caller may ask (DESIGN section 8)."""

from counterseal.server.callers.admin_file import ADMIN_FILE, admin_token
from counterseal.server.callers.book import CallerBook, Identifies, call_book
from counterseal.server.callers.caller import NOTHING, Caller, Pace
from counterseal.server.store.caller_records import Role

__all__ = ["ADMIN_FILE", "NOTHING", "Caller", "CallerBook", "Identifies", "Pace", "Role", "admin_token", "call_book"]
