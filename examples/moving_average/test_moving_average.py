import unittest

from kapacitor.udf import udf_pb2
from moving_average import MovingAverage


class FakeAgent:
    def __init__(self):
        self.points = []

    def write_response(self, response, flush=False):
        self.points.append(response.point)


def init(handler, field='idle', size=3, name='mean'):
    request = udf_pb2.InitRequest()
    request.options.add(name='field').values.add(type=udf_pb2.STRING, stringValue=field)
    request.options.add(name='size').values.add(type=udf_pb2.INT, intValue=size)
    request.options.add(name='as').values.add(type=udf_pb2.STRING, stringValue=name)
    return handler.init(request).init


def point(value, group='a'):
    p = udf_pb2.Point(time=1, name='cpu', database='telegraf', retentionPolicy='autogen', group=group,
                      dimensions=['host'], byName=True, tags={'host': group})
    if isinstance(value, int):
        p.fieldsInt['idle'] = value
    elif value is not None:
        p.fieldsDouble['idle'] = value
    return p


class Test(unittest.TestCase):
    def setUp(self):
        self.agent = FakeAgent()
        self.handler = MovingAverage(self.agent)
        self.assertTrue(init(self.handler).success)

    def averages(self, *values, group='a'):
        for v in values:
            self.handler.point(point(v, group))
        got = [p.fieldsDouble['mean'] for p in self.agent.points]
        self.agent.points.clear()
        return got

    def test_options(self):
        for args, want in [
            (('', 3, 'mean'), 'must set field'),
            (('idle', 0, 'mean'), 'must set a size of 1 or more'),
            (('', -1, ''), 'must set field, must set a size of 1 or more, the name in as must not be empty'),
        ]:
            response = init(MovingAverage(None), *args)
            self.assertEqual((response.success, response.error), (False, want))

    def test_average(self):
        self.assertEqual(self.averages(1.0, 2, None, 6.0, 4.0), [1.0, 1.5, 3.0, 4.0])
        self.assertEqual(self.averages(10.0, group='b'), [10.0])

    def test_point(self):
        self.handler.point(point(1.0))
        want = point(None)
        want.group = ''
        want.fieldsDouble['mean'] = 1.0
        self.assertEqual(self.agent.points, [want])

    def test_snapshot(self):
        self.averages(1.0, 2.0, 6.0)
        self.averages(10.0, group='b')
        snapshot = self.handler.snapshot().snapshot.snapshot
        self.setUp()
        self.assertTrue(self.handler.restore(udf_pb2.RestoreRequest(snapshot=snapshot)).restore.success)
        self.assertEqual(self.averages(4.0), [4.0])
        self.assertEqual(self.averages(20.0, group='b'), [15.0])
        self.assertFalse(self.handler.restore(udf_pb2.RestoreRequest(snapshot=b'x')).restore.success)


if __name__ == '__main__':
    unittest.main()
