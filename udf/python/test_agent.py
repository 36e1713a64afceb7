"""Tests of kapacitor.udf.agent: conversations over sockets and pipes."""

import io
import os
import socket
import sys
import tempfile
import threading
import unittest
from contextlib import redirect_stderr

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'testdata'))

from kapacitor.udf import agent as agent_module
from kapacitor.udf import udf_pb2
from kapacitor.udf.agent import Agent, Server
from mirror import Mirror


def frame(message):
    data = message.SerializeToString()
    return bytes(agent_module._varint(len(data))) + data


def request(kind, **fields):
    r = udf_pb2.Request()
    getattr(r, kind).SetInParent()
    for name, value in fields.items():
        setattr(getattr(r, kind), name, value)
    return r


class Peer:
    """The other side of an agent."""

    def __init__(self, conn):
        self.conn = conn
        self.file = conn.makefile('rb')

    def send(self, *requests):
        self.conn.sendall(b''.join(frame(r) for r in requests))

    def receive(self):
        """Returns the next response, None at the end."""
        size = shift = 0
        while True:
            c = self.file.read(1)
            if not c:
                return None
            size |= (c[0] & 0x7f) << shift
            shift += 7
            if c[0] < 0x80:
                break
        response = udf_pb2.Response()
        response.ParseFromString(self.file.read(size))
        return response

    def close(self):
        self.file.close()
        self.conn.close()


class AgentTest(unittest.TestCase):
    def setUp(self):
        ours, theirs = socket.socketpair()
        ours.settimeout(20)
        self.peer = Peer(ours)
        self.agent = Agent(theirs, theirs)
        self.agent.handler = Mirror(self.agent)
        self.stderr = io.StringIO()
        self.redirect = redirect_stderr(self.stderr)
        self.redirect.__enter__()
        self.agent.start()

    def tearDown(self):
        self.peer.close()
        self.agent.wait()
        self.redirect.__exit__(None, None, None)

    def test_management(self):
        self.peer.send(request('info'))
        info = self.peer.receive().info
        self.assertEqual((info.wants, info.provides), (udf_pb2.BATCH, udf_pb2.STREAM))
        self.assertEqual(sorted(info.options), ['mix', 'none'])
        self.peer.send(request('init', taskID='other'))
        self.assertIn('other', self.peer.receive().init.error)
        self.peer.send(request('restore', snapshot=b'41.'), request('point'), request('snapshot'), request('keepalive', time=5))
        self.assertTrue(self.peer.receive().restore.success)
        self.assertEqual(self.peer.receive().WhichOneof('message'), 'point')
        self.assertEqual(self.peer.receive().snapshot.snapshot, b'42\xff')
        self.assertEqual(self.peer.receive().keepalive.time, 5)

    def test_pieces(self):
        """Bytes that come one by one, and messages larger than the buffer."""
        point = request('point', name='x' * 300)
        for i in frame(point):
            self.peer.conn.sendall(bytes([i]))
        self.assertEqual(self.peer.receive().point, point.point)
        large = request('point', name='y' * 500_000)
        sender = threading.Thread(target=self.peer.send, args=(large, point, large, request('keepalive')))
        sender.start()
        for want in large, point, large:
            self.assertEqual(self.peer.receive().point, want.point)
        self.assertEqual(self.peer.receive().WhichOneof('message'), 'keepalive')
        sender.join()

    def test_points_come_without_flush(self):
        """A point comes back though nothing follows it."""
        self.peer.send(request('point', time=1))
        self.assertEqual(self.peer.receive().point.time, 1)
        self.peer.send(request('point', time=2, name='thread'))
        self.assertEqual(self.peer.receive().point.time, 2)

    def test_threads(self):
        """Frames from many threads do not mix."""
        def write():
            for i in range(200):
                response = udf_pb2.Response()
                response.point.name = 'n' * i
                self.agent.write_response(response)
        threads = [threading.Thread(target=write) for _ in range(8)]
        for t in threads:
            t.start()
        lengths = [len(self.peer.receive().point.name) for _ in range(8 * 200)]
        for t in threads:
            t.join()
        self.assertEqual(sorted(lengths), sorted(8 * list(range(200))))

    def test_exception(self):
        self.peer.send(request('point', time=1), request('point', name='fail'), request('point', time=3))
        self.assertEqual(self.peer.receive().point.time, 1)
        self.assertEqual(self.peer.receive().error.error, 'error processing request of type point: told to fail')
        self.assertIsNone(self.peer.receive())
        self.agent.wait()
        self.assertIn('ValueError: told to fail', self.stderr.getvalue())

    def test_no_response(self):
        self.agent.handler.info = lambda: None
        self.peer.send(request('info'))
        self.assertEqual(self.peer.receive().error.error,
                         'error processing request of type info: the handler returned no response')

    def test_defaults(self):
        """A handler without state needs no methods for it."""
        self.agent.handler = agent_module.Handler()
        self.peer.send(request('snapshot'), request('restore', snapshot=b'x'), request('begin'))
        snapshot = self.peer.receive()
        self.assertEqual((snapshot.WhichOneof('message'), snapshot.snapshot.snapshot), ('snapshot', b''))
        self.assertEqual(self.peer.receive().restore.error, 'the function has no state')
        self.assertEqual(self.peer.receive().error.error, 'error processing request of type begin: begin_batch')

    def test_not_a_message(self):
        for raw, want in [
            (b'\x00', 'error processing request of type None: unknown request'),
            (b'\x02\xff\xff', 'Error parsing message'),
            (b'\xff\xff\xff\xff\x0f', 'message of 4294967295 bytes is larger than 67108864'),
            (b'\xff\xff\xff\xff\xff\x01', 'the length of a message has more than 5 bytes'),
        ]:
            with self.subTest(raw):
                self.tearDown()
                self.setUp()
                self.peer.conn.sendall(raw)
                self.assertIn(want, self.peer.receive().error.error)
                self.assertIsNone(self.peer.receive())

    def test_truncated(self):
        self.peer.conn.sendall(b'\x05\x8a')
        self.peer.conn.shutdown(socket.SHUT_WR)
        self.assertEqual(self.peer.receive().error.error, 'read error: unexpected EOF')

    def test_half_close(self):
        """What was asked before the end is answered."""
        self.peer.send(*[request('point', time=i) for i in range(1000)])
        self.peer.conn.shutdown(socket.SHUT_WR)
        self.assertEqual([self.peer.receive().point.time for _ in range(1000)], list(range(1000)))
        self.assertIsNone(self.peer.receive())

    def test_peer_gone(self):
        """The agent ends when nobody reads any more."""
        self.peer.send(*[request('point', name='x' * 1000) for i in range(100)])
        self.peer.close()
        self.agent.wait()


class ServerTest(unittest.TestCase):
    def serve(self, address):
        class Accepter:
            def accept(self, conn, addr):
                a = Agent(conn, conn)
                a.handler = Mirror(a)
                a.start()
                a.wait()
        server = Server(address, Accepter())
        thread = threading.Thread(target=server.serve)
        thread.start()
        return server, thread

    def talk(self, family, address):
        conn = socket.socket(family, socket.SOCK_STREAM)
        conn.settimeout(20)
        conn.connect(address)
        peer = Peer(conn)
        peer.send(request('keepalive', time=7))
        self.assertEqual(peer.receive().keepalive.time, 7)
        return peer

    def test_unix(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 's')
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stale:
                stale.bind(path)
            server, thread = self.serve(path)
            peers = [self.talk(socket.AF_UNIX, path) for _ in range(3)]
            server.stop()
            server.stop()
            thread.join()
            self.assertFalse(os.path.exists(path))
            for peer in peers:
                peer.close()

    def test_socket_in_use(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 's')
            server, thread = self.serve(path)
            with self.assertRaises(OSError):
                Server(path, None)
            self.talk(socket.AF_UNIX, path).close()
            server.stop()
            thread.join()

    def test_tcp(self):
        server, thread = self.serve(('127.0.0.1', 0))
        self.talk(socket.AF_INET, server._listener.getsockname()).close()
        server.stop()
        thread.join()


if __name__ == '__main__':
    unittest.main()
