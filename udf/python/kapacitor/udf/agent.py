"""User-defined functions in Python.

A function is a Handler. An Agent connects it to one node of one running script:

    agent = Agent()
    agent.handler = MyHandler(agent)
    agent.start()
    agent.wait()

is a function that runs as a child process and talks over its standard input and output. What it
prints appears in the log. A function that serves a socket has a Server, which hands each connection
to an accepter.
"""

import logging
import os
import socket
import stat
import sys
import threading
import traceback

from . import udf_pb2

logger = logging.getLogger(__name__)

# The size in bytes of the largest request that is read.
MAX_MESSAGE = 64 << 20

_BUFFER = 64 << 10


class Handler:
    """A user-defined function.

    The Agent calls its methods one after the other. The first four return a udf_pb2.Response, the
    others hand theirs to Agent.write_response. An exception ends the conversation with an error.
    """

    def info(self):
        """Says which edges the function has and which options scripts may give it."""
        raise NotImplementedError('info')

    def init(self, init_req):
        """Takes the options of the script. A response without success refuses them."""
        raise NotImplementedError('init')

    def snapshot(self):
        """Returns the state; it may be called between any two points. There is none by default."""
        response = udf_pb2.Response()
        response.snapshot.SetInParent()
        return response

    def restore(self, restore_req):
        """Brings back the state of an earlier snapshot, which is never empty."""
        response = udf_pb2.Response()
        response.restore.error = 'the function has no state'
        return response

    def begin_batch(self, begin_req):
        """Opens a batch."""
        raise NotImplementedError('begin_batch')

    def point(self, point):
        """Takes one point. The handler may keep and change it."""
        raise NotImplementedError('point')

    def end_batch(self, end_req):
        """Completes a batch."""
        raise NotImplementedError('end_batch')


class Agent:
    """Connects a handler to one node of one script.

    _in and out are binary files or sockets, possibly the same one; without them the Agent talks over
    the standard streams, and whatever the program prints goes to standard error.
    """

    def __init__(self, _in=None, out=None, handler=None):
        self.handler = handler
        self._closers = []
        self._receive = self._reader(_in)
        self._send = self._writer(out)
        self._thread = None
        self._lock = threading.Lock()
        self._pending = bytearray()
        self._broken = False

    def start(self):
        """Begins the conversation, in a thread of its own."""
        if self.handler is None:
            raise ValueError('agent has no handler')
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait(self):
        """Returns when the conversation is over."""
        self._thread.join()

    def write_response(self, response, flush=False):
        """Sends a response. It may be called from any thread.

        What the handler writes while it is called is sent when there is nothing more to be read, so
        flush is rarely needed.
        """
        message = response.SerializeToString()
        with self._lock:
            self._pending += _varint(len(message))
            self._pending += message
            own = threading.current_thread() is self._thread
            if flush or not own or len(self._pending) >= _BUFFER:
                self._flush()

    def _flush(self):
        """Writes what is pending; the lock is held."""
        if self._pending and not self._broken:
            try:
                self._send(self._pending)
            except (OSError, ValueError) as err:
                # Nobody reads any more; that ends the input soon, and with it the conversation.
                self._broken = True
                logger.error('cannot write: %s', err)
        self._pending = bytearray()

    def _run(self):
        try:
            self._serve()
        except Exception as err:  # a read error, or a message that is none
            traceback.print_exc()
            self._write_error(str(err))
        with self._lock:
            self._flush()
        for close in self._closers:
            try:
                close()
            except OSError:
                pass

    def _serve(self):
        """Reads requests up to the end of the input and has them answered."""
        data, start = b'', 0
        while True:
            size, begin = _length(data, start)
            end = begin + size if begin else 0
            if not begin or end > len(data):
                with self._lock:
                    self._flush()
                parts, missing = [data[start:]], max(1, end - len(data))
                while missing > 0:
                    part = self._receive(_BUFFER)
                    if not part:
                        if any(parts):
                            raise EOFError('read error: unexpected EOF')
                        return
                    parts.append(part)
                    missing -= len(part)
                data, start = b''.join(parts), 0
                continue
            request = udf_pb2.Request()
            request.ParseFromString(data[begin:end])
            start = end
            kind = request.WhichOneof('message')
            try:
                self._handle(kind, request)
            except Exception as err:
                traceback.print_exc()
                self._write_error('error processing request of type %s: %s' % (kind, err))
                return

    def _handle(self, kind, request):
        """Calls the method of the handler that a request is for and sends its answer."""
        handler = self.handler
        if kind == 'point':
            handler.point(request.point)
            return
        if kind == 'begin':
            handler.begin_batch(request.begin)
            return
        if kind == 'end':
            handler.end_batch(request.end)
            return
        if kind == 'keepalive':
            response = udf_pb2.Response()
            response.keepalive.time = request.keepalive.time
        elif kind == 'info':
            response = handler.info()
        elif kind == 'init':
            response = handler.init(request.init)
        elif kind == 'snapshot':
            response = handler.snapshot()
        elif kind == 'restore':
            response = handler.restore(request.restore)
        else:
            raise ValueError('unknown request')
        if response is None:
            raise ValueError('the handler returned no response')
        self.write_response(response, flush=True)

    def _write_error(self, text):
        response = udf_pb2.Response()
        response.error.error = text
        self.write_response(response, flush=True)

    def _reader(self, source):
        """Returns a function that reads up to n bytes, as soon as there are some."""
        if isinstance(source, socket.socket):
            self._closers.append(source.close)
            return source.recv
        if source is None or source is sys.stdin:
            fd = sys.stdin.fileno()
            return lambda n: os.read(fd, n)
        source = getattr(source, 'buffer', source)
        self._closers.append(source.close)
        # read(n) of a buffered file waits for all of n.
        return getattr(source, 'read1', source.read)

    def _writer(self, sink):
        """Returns a function that writes all of its argument."""
        if isinstance(sink, socket.socket):
            self._closers.insert(0, lambda: _shut(sink))
            return sink.sendall
        if sink is None or sink is sys.stdout:
            # The protocol takes standard output for itself; print goes to the log.
            sys.stdout.flush()
            fd = os.dup(sys.stdout.fileno())
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
            sink = os.fdopen(fd, 'wb')
        sink = getattr(sink, 'buffer', sink)
        self._closers.append(sink.close)

        def write(data):
            view = memoryview(data)
            while len(view) > 0:  # a file without buffer may write a part only
                n = sink.write(view)
                view = view[len(view) if n is None else n:]
            sink.flush()

        return write


class Server:
    """Accepts connections and hands each to accepter.accept(conn, addr), in a thread of its own.

    address is the path of a unix socket, or a pair of host and port.
    """

    def __init__(self, address, accepter):
        self._accepter = accepter
        self._stopped = False
        self._path = None
        if isinstance(address, tuple):
            self._listener = socket.create_server(address)
            return
        _remove_stale(address)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._listener.bind(address)
            self._listener.listen(16)
        except OSError:
            self._listener.close()
            raise
        self._path = address

    def serve(self):
        """Accepts connections until stop is called."""
        while True:
            try:
                conn, addr = self._listener.accept()
            except OSError:
                if self._stopped:
                    return
                raise
            threading.Thread(target=self._accepter.accept, args=(conn, addr), daemon=True).start()

    def stop(self):
        """Makes serve return. It may be called from another thread or by a signal handler."""
        if self._stopped:
            return
        self._stopped = True
        try:
            self._listener.shutdown(socket.SHUT_RDWR)  # close alone does not wake accept
        except OSError:
            pass
        self._listener.close()
        if self._path is not None:
            try:
                os.remove(self._path)
            except OSError:
                pass


def _shut(conn):
    try:
        conn.shutdown(socket.SHUT_WR)
    finally:
        conn.close()


def _remove_stale(path):
    """Removes the socket that a server left behind which is no more."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except OSError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.remove(path)


def _varint(n):
    out = bytearray()
    while n > 0x7f:
        out.append(n & 0x7f | 0x80)
        n >>= 7
    out.append(n)
    return out


def _length(data, start):
    """Decodes the length of a message: that, and where the message begins, 0 if more is needed."""
    size = shift = 0
    for i in range(start, min(start + 5, len(data))):
        size |= (data[i] & 0x7f) << shift
        shift += 7
        if data[i] < 0x80:
            if size > MAX_MESSAGE:
                raise ValueError('message of %d bytes is larger than %d' % (size, MAX_MESSAGE))
            return size, i + 1
    if len(data) - start >= 5:
        raise ValueError('the length of a message has more than 5 bytes')
    return 0, 0
