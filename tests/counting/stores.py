"""The same function with a ledger and dead letters, as `examples/cards` has them."""

from streamfn import lambda_handler, retry
from streamfn.dead_letters import SqsDeadLetters
from streamfn.ledgers import DynamoDBLedger
from tests.counting.function import process

handler = lambda_handler(
    process,
    retry(ledger=DynamoDBLedger("card-ledger"), dead_letters=SqsDeadLetters("https://sqs.example/letters")),
)
