"""A shop on three services of AWS: receipts are objects in S3, stock and reservations items in DynamoDB, and
what is to be packed is a message in SQS. It knows of orders and keys; AWS_ENDPOINT_URL says where these are.
"""

from __future__ import annotations

import functools
import json
from typing import Any

import boto3
from botocore.exceptions import ClientError

BUCKET, TABLE, QUEUE = "receipts", "kettles", "to-pack.fifo"


class SoldOut(Exception):
    """Nothing is left to reserve."""


@functools.cache
def client(service: str) -> Any:
    """One for each service and process."""
    return boto3.client(
        service, region_name="eu-north-1", aws_access_key_id="-", aws_secret_access_key="-"
    )  # fmt: skip


def open_shop(stock: int) -> None:
    """Make bucket, table and queue, and put so many pieces into stock."""
    client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-north-1"})
    client("dynamodb").create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client("dynamodb").put_item(TableName=TABLE, Item={"id": {"S": "stock"}, "left": {"N": str(stock)}})
    client("sqs").create_queue(QueueName=QUEUE, Attributes={"FifoQueue": "true"})


# -- receipts ----------------------------------------------------------------------------------------------


def write_receipt(order: str) -> str:
    """Its name. The same order again writes the same receipt."""
    name = f"{order}.json"
    client("s3").put_object(Bucket=BUCKET, Key=name, Body=json.dumps({"order": order}).encode())
    return name


def tear_up(name: str) -> None:
    """Delete a receipt; one that is not there is torn up already."""
    client("s3").delete_object(Bucket=BUCKET, Key=name)


# -- stock -------------------------------------------------------------------------------------------------


def reserve(key: str, order: str) -> str:
    """Take a piece out of stock, and note for which key, in one transaction. Raises SoldOut."""
    note = {"id": {"S": key}, "order": {"S": order}}
    take = {
        "TableName": TABLE,
        "Key": {"id": {"S": "stock"}},
        "UpdateExpression": "SET #left = #left - :one",
        "ConditionExpression": "#left >= :one",
        "ExpressionAttributeNames": {"#left": "left"},
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    try:
        client("dynamodb").transact_write_items(
            TransactItems=[
                {
                    "Put": {
                        "TableName": TABLE,
                        "Item": note,
                        "ConditionExpression": "attribute_not_exists(id)",
                    }
                },
                {"Update": take},
            ]
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "TransactionCanceledException":
            raise SoldOut(f"no piece is left for {order}") from None
        raise
    return key


def is_reserved(key: str) -> bool:
    """Whether a piece was taken for this key."""
    return "Item" in client("dynamodb").get_item(TableName=TABLE, Key={"id": {"S": key}})


# -- packing -----------------------------------------------------------------------------------------------


def have_packed(key: str, order: str) -> str:
    """The id of a message to those who pack; the queue takes one for each key."""
    queue = client("sqs").get_queue_url(QueueName=QUEUE)["QueueUrl"]
    sent = client("sqs").send_message(
        QueueUrl=queue, MessageBody=order, MessageGroupId="orders", MessageDeduplicationId=key
    )
    return sent["MessageId"]


def counts() -> dict[str, int]:
    """Pieces left, receipts written, messages to those who pack."""
    stock = client("dynamodb").get_item(TableName=TABLE, Key={"id": {"S": "stock"}})["Item"]["left"]["N"]
    objects = client("s3").list_objects_v2(Bucket=BUCKET).get("KeyCount", 0)
    queue = client("sqs").get_queue_url(QueueName=QUEUE)["QueueUrl"]
    names = ["ApproximateNumberOfMessages"]
    waiting = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return {"left": int(stock), "receipts": objects, "messages": int(waiting[names[0]])}
