"""A store of objects that speaks as Amazon's does, in memory, until standard input is closed.

    object_store.py BUCKET FOLDER

Puts every file of the folder into the bucket, and prints the store's address.
"""

import sys
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer


def main(bucket: str, folder: str) -> None:
    """Serve the files of a folder."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    store = boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="reader",
        aws_secret_access_key="secret",
    )
    store.create_bucket(Bucket=bucket)
    root = Path(folder)
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        store.upload_file(str(path), bucket, path.relative_to(root).as_posix())
    print(address, flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
