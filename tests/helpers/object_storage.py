"""An object storage on this machine that speaks S3, for tests."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

import pytest


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Its address inside the block, which is in the environment too, with the name and password of a user."""
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed: the extra s3")
    moto = pytest.importorskip("moto.server", reason="moto is not installed: the extra test")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    values = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in values.items():
                patch.setenv(name, value)
            yield values["AWS_ENDPOINT_URL"]
    finally:
        # They keep the address that they were made with, and the next server has another.
        s3fs.S3FileSystem.clear_instance_cache()
        running.stop()


def new_bucket() -> str:
    """The address of a new bucket of the server."""
    import boto3

    name = f"canvas-{os.urandom(6).hex()}"
    boto3.client("s3").create_bucket(Bucket=name)
    return f"s3://{name}"
