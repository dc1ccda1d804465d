"""An S3 server on this machine that can be stopped and started again with its objects."""

import logging
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "bucket"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class S3:
    """The server, with one bucket.

    Attributes:
        port: on 127.0.0.1; it stays the same.
        client: of boto3.
    """

    def __init__(self) -> None:
        self.port = 0
        self._server: Any = None
        self.start()
        self.client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="nobody",
            aws_secret_access_key="nothing",
        )
        self.client.create_bucket(Bucket=BUCKET)

    @property
    def options(self) -> str:
        """Options of a URI that lead to this server."""
        return f"?endpoint_override=127.0.0.1:{self.port}&scheme=http"

    def start(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self._server.start()
        _, self.port = self._server.get_host_and_port()

    def stop(self) -> None:
        self._server.stop()

    def uri(self, prefix: str) -> str:
        return f"s3://{BUCKET}/{prefix}{self.options}"

    def objects(self, prefix: str) -> dict[str, bytes]:
        """Return every object below a prefix, by the rest of its key."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=BUCKET, Prefix=f"{prefix}/"
        )
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        return {
            key.removeprefix(f"{prefix}/"): self.read(key) for key in keys if not key.endswith("/")
        }

    def read(self, key: str) -> bytes:
        data: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return data

    def write(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=data)

    def remove(self, key: str) -> None:
        self.client.delete_object(Bucket=BUCKET, Key=key)
