"""A function that sends back what it gets, and checks the options of one init.

The name of a point makes it fail, print, or write from another thread.
"""

import threading

from kapacitor.udf import udf_pb2
from kapacitor.udf.agent import Agent, Handler


class Mirror(Handler):
    def __init__(self, agent):
        self.agent = agent
        self.points = 0

    def info(self):
        response = udf_pb2.Response()
        response.info.wants = udf_pb2.BATCH
        response.info.provides = udf_pb2.STREAM
        response.info.options['mix'].valueTypes.extend(
            [udf_pb2.BOOL, udf_pb2.INT, udf_pb2.DOUBLE, udf_pb2.STRING, udf_pb2.DURATION])
        response.info.options['none'].SetInParent()
        return response

    def init(self, init_req):
        response = udf_pb2.Response()
        got = [(o.name, [(v.type, v.WhichOneof('value'), getattr(v, v.WhichOneof('value'))) for v in o.values])
               for o in init_req.options]
        want = [
            ('mix', [
                (udf_pb2.BOOL, 'boolValue', False),
                (udf_pb2.INT, 'intValue', -1),
                (udf_pb2.DOUBLE, 'doubleValue', 2.5),
                (udf_pb2.STRING, 'stringValue', ''),
                (udf_pb2.DURATION, 'durationValue', 10**10),
            ]),
            ('none', []),
        ]
        response.init.success = (got, init_req.taskID, init_req.nodeID) == (want, 'cpu', 'mirror2')
        if not response.init.success:
            response.init.error = 'got %s' % init_req
        return response

    def snapshot(self):
        response = udf_pb2.Response()
        response.snapshot.snapshot = b'%d\xff' % self.points
        return response

    def restore(self, restore_req):
        response = udf_pb2.Response()
        try:
            self.points = int(restore_req.snapshot[:-1])
            response.restore.success = True
        except ValueError as err:
            response.restore.error = str(err)
        return response

    def begin_batch(self, begin_req):
        response = udf_pb2.Response()
        response.begin.CopyFrom(begin_req)
        self.agent.write_response(response)

    def point(self, point):
        self.points += 1
        response = udf_pb2.Response()
        response.point.CopyFrom(point)
        if point.name == 'fail':
            raise ValueError('told to fail')
        if point.name == 'print':
            print('printed', flush=True)
        if point.name == 'thread':
            threading.Thread(target=self.agent.write_response, args=(response,)).start()
            return
        self.agent.write_response(response)

    def end_batch(self, end_req):
        response = udf_pb2.Response()
        response.end.CopyFrom(end_req)
        self.agent.write_response(response)


if __name__ == '__main__':
    agent = Agent()
    agent.handler = Mirror(agent)
    agent.start()
    agent.wait()
