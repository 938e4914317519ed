"""An object store to test against: moto's S3 server, spoken to over HTTP like any other."""
import itertools
import logging
import urllib.request

import pytest

_n = itertools.count()


@pytest.fixture(scope="session")
def s3():
    """The endpoint of a server of our own."""
    from moto.server import ThreadedMotoServer
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    server.stop()


@pytest.fixture
def bucket(s3, monkeypatch):
    """The URL of an empty bucket; how to reach it stands in the environment."""
    for name, value in {"ENDPOINT_URL": s3, "ALLOW_HTTP": "true", "ACCESS_KEY_ID": "k", "SECRET_ACCESS_KEY": "s", "REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    name = f"house-{next(_n)}"
    urllib.request.urlopen(urllib.request.Request(f"{s3}/{name}", method="PUT"), timeout=30).close()
    return f"s3://{name}"


def objects(url: str) -> list[str]:
    """The names of all objects of a bucket."""
    import obstore
    from obstore.store import from_url
    return sorted(o["path"] for page in obstore.list(from_url(url)) for o in page)
