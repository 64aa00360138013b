"""A Python program enters a site for members by the two doors that it has:

enter.py disk CA CERTIFICATE KEY URL    a certificate and its key on disk
enter.py proxy SOCKET PATH              the socket of `dlogin proxy`
"""

import http.client
import socket
import sys


class Proxied(http.client.HTTPConnection):
    """The proxy does the TLS: a connection to its socket."""

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.host)


if sys.argv[1] == "disk":
    import requests

    ca, certificate, key, url = sys.argv[2:]
    print(requests.get(url, verify=ca, cert=(certificate, key)).text)
else:
    connection = Proxied(sys.argv[2])
    for _ in range(2):
        connection.request("GET", sys.argv[3], headers={"Host": "localhost"})
        print(connection.getresponse().read().decode())
