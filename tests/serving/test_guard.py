"""Only the page itself is answered: not a name that was made to resolve here, nor a form on another page."""

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from pipeline.serving.guard import Guard


@pytest.fixture
def client():
    return TestClient(Guard(PlainTextResponse("told"), names=("Lab7",), policy="default-src 'none'"))


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8765", "localhost:1", "localhost", "[::1]:80", "192.168.1.4", "lab7:9", "LAB7"]
)
def test_addresses_and_our_names_are_answered(client, host):
    assert client.get("/", headers={"Host": host}).text == "told"
    assert client.post("/", headers={"Host": host, "Origin": f"http://{host}"}).text == "told"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:8765", "localhost.evil.example", "", "[::1", "a b", "@127.0.0.1:a"]
)
def test_other_names_are_refused(client, host):
    answer = client.get("/", headers={"Host": host})
    assert answer.status_code == 403
    assert "not this page's" in answer.json()["error"]
    assert answer.headers["content-security-policy"] == "default-src 'none'"


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:81", "https://127.0.0.1", "", None]
)
def test_a_post_of_another_page_is_refused(client, origin):
    headers = {"Host": "127.0.0.1:80"} | ({} if origin is None else {"Origin": origin})
    answer = client.post("/", headers=headers)
    assert answer.status_code == 403
    assert "another web page" in answer.json()["error"]


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]
)
def test_a_picture_or_a_link_on_another_page_is_refused(client, site, status):
    answer = client.get("/", headers={"Host": "localhost", "Sec-Fetch-Site": site})
    assert answer.status_code == status
