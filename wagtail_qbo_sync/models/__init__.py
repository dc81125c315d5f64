"""What is stored. Mirror, decisions and journal are kept apart (rule 6).

* connection: Connection (people's settings), Token, SyncState (machine state), OAuthState
* mirror: Customer, what QuickBooks said, can be read again
* people: Mapping, Decision, BulkDecision, Case, what people said and what waits for them
* journal: Run, Step, Change, what was planned and what was written; SingleSync, what was asked
* imports: ImportBatch, ImportRow, ImportOutcome, a file of Contact Types and what became of it
* outbox: Outbox, Send, what is on its way to QuickBooks
* comparison: Comparison, Difference, the proof that both sides say the same
* webhook: WebhookEvent, what Intuit told us unasked
* site: Footprint, Touched, SiteState, what we know of the host
"""

from .comparison import Comparison, Difference
from .connection import Connection, OAuthState, SyncState, Token, TokenUnreadable
from .imports import ImportBatch, ImportOutcome, ImportRow
from .journal import Change, Run, SingleSync, Step
from .mirror import Customer
from .outbox import Outbox, Send
from .people import BulkDecision, Case, Decision, Mapping
from .site import Footprint, SiteState, Touched
from .webhook import WebhookEvent

__all__ = [
    "BulkDecision",
    "Case",
    "Change",
    "Comparison",
    "Connection",
    "Customer",
    "Decision",
    "Difference",
    "Footprint",
    "ImportBatch",
    "ImportOutcome",
    "ImportRow",
    "Mapping",
    "OAuthState",
    "Outbox",
    "Run",
    "Send",
    "SingleSync",
    "SiteState",
    "Step",
    "SyncState",
    "Token",
    "TokenUnreadable",
    "Touched",
    "WebhookEvent",
]
