"""Prints the link under which somebody watches a robot for an hour.

    TUTURU_JWT_SECRET=<as the server has it> python3 link.py http://localhost:8080 rover alice

A sign-in of your own would make such a token (RFC 7519, HS256) for whoever signed in.
"""

import hashlib
import hmac
import json
import os
import sys
import time
from base64 import urlsafe_b64encode


def part(content):
    return urlsafe_b64encode(content).rstrip(b"=")


def token(subject, secret):
    claims = {"sub": subject, "exp": int(time.time()) + 3600}
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    signed = b".".join(part(json.dumps(content).encode()) for content in parts)
    mac = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return b".".join((signed, part(mac))).decode()


if __name__ == "__main__":
    if len(sys.argv) != 4 or not os.environ.get("TUTURU_JWT_SECRET"):
        sys.exit(__doc__)
    server, robot, subject = sys.argv[1:]
    made = token(subject, os.environ["TUTURU_JWT_SECRET"])
    print(f"{server.rstrip('/')}/#device={robot}&token={made}")
