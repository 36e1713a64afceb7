import collections
import math
import random
import unittest

import temperatures
import ttest
from kapacitor.udf import udf_pb2


class FakeAgent:
    def __init__(self):
        self.points = []

    def write_response(self, response, flush=False):
        self.points.append(response.point)


def options(**values):
    request = udf_pb2.InitRequest()
    for name, value in values.items():
        option = request.options.add(name=name)
        if isinstance(value, str):
            option.values.add(type=udf_pb2.STRING, stringValue=value)
        elif isinstance(value, int):
            option.values.add(type=udf_pb2.INT, intValue=value)
        else:
            option.values.add(type=udf_pb2.DOUBLE, doubleValue=value)
    return request


def batch(handler, values, group='', tmax=0, **tags):
    handler.begin_batch(udf_pb2.BeginBatch(name='temperatures', group=group, tags=tags, byName=True))
    for v in values:
        point = udf_pb2.Point()
        if isinstance(v, float):
            point.fieldsDouble['bed'] = v
        elif isinstance(v, int):
            point.fieldsInt['bed'] = v
        handler.point(point)
    handler.end_batch(udf_pb2.EndBatch(name='temperatures', group=group, tmax=tmax, tags=tags))


class Arithmetic(unittest.TestCase):
    def close(self, got, want, rel=1e-12):
        self.assertTrue(math.isclose(got, want, rel_tol=rel), '%r is not %r' % (got, want))

    def test_incomplete_beta(self):
        rand = random.Random(1)
        for _ in range(2000):
            a, b, x = rand.uniform(0.1, 50), rand.uniform(0.1, 50), rand.random()
            self.close(ttest.incomplete_beta(a, 1, x), x ** a, 1e-11)
            self.close(ttest.incomplete_beta(1, b, x), -math.expm1(b * math.log1p(-x)), 1e-9)
            both = ttest.incomplete_beta(a, b, x) + ttest.incomplete_beta(b, a, 1 - x)
            self.close(both, 1.0)
        self.assertEqual((ttest.incomplete_beta(2, 3, 0), ttest.incomplete_beta(2, 3, 1)), (0.0, 1.0))

    def test_t_pvalue(self):
        for t in 0.001, 0.1, 0.5, 1, 2, 7, 40, 1000:
            # Where the distribution has a closed form.
            self.close(ttest.t_pvalue(t, 1), 2 / math.pi * math.atan2(1, t))
            s = math.sqrt(2 + t * t)
            self.close(ttest.t_pvalue(t, 2), 2 / (s * (s + t)), 1e-11)
            # With many degrees of freedom it is the normal distribution.
            if t <= 2:
                self.close(ttest.t_pvalue(t, 1e5), math.erfc(t / math.sqrt(2)), 1e-4)
            self.assertEqual(ttest.t_pvalue(-t, 5), ttest.t_pvalue(t, 5))
        self.close(ttest.t_pvalue(0.9051358093310269, 22), 0.3751996797581487)

    def test_ttest(self):
        # Student's sleep data: t = -1.8608, df = 17.776, p = 0.07939.
        a = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
        b = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
        scipy = ttest.stats
        try:
            ttest.stats = None
            t, p = ttest.ttest(a, b)
        finally:
            ttest.stats = scipy
        self.close(t, -1.8608, 1e-4)
        self.close(p, 0.07939, 1e-4)
        if scipy is not None:
            other = ttest.ttest(a, b)
            self.close(other[0], t)
            self.close(other[1], p, 1e-10)
        self.assertEqual(ttest.ttest([1, 1], [1, 1, 1]), (0.0, 1.0))
        self.assertEqual(ttest.ttest([1, 1], [2, 2])[1], 0.0)

    def test_probability(self):
        """Of samples that are alike, the share with a p-value below alpha is alpha."""
        rand = random.Random(1)
        def sample(n, sigma):
            return [rand.gauss(70, sigma) for _ in range(n)]
        low = sum(ttest.ttest(sample(40, 1), sample(10, 3))[1] < 0.05 for _ in range(4000))
        self.assertTrue(150 < low < 250, low)


class Handler(unittest.TestCase):
    def setUp(self):
        self.agent = FakeAgent()
        self.handler = ttest.TTest(self.agent)
        self.handler.init(options(field='bed', size=6, alpha=0.01))

    def test_options(self):
        for given, want in [
            (options(field='bed', size=2, alpha=0.5), ''),
            (options(), 'must set field, must set a size of 2 or more, must set alpha between 0 and 1'),
            (options(field='bed', size=1, alpha=1.0), 'must set a size of 2 or more, must set alpha between 0 and 1'),
        ]:
            response = ttest.TTest(None).init(given).init
            self.assertEqual((response.success, response.error), (not want, want))
        self.assertEqual(sorted(self.handler.info().info.options), ['alpha', 'field', 'size'])

    def test_batches(self):
        batch(self.handler, [90.0, 91, None, 89.0])  # nothing to compare with yet
        self.assertEqual(self.agent.points, [])
        batch(self.handler, [90.5, 91.0, 89.5], tmax=7, host='p1')
        point = self.agent.points.pop()
        self.assertGreater(point.fieldsDouble['pvalue'], 0.5)
        self.assertEqual((point.name, point.time, dict(point.tags), list(point.dimensions), point.byName),
                         ('temperatures', 7, {'host': 'p1'}, ['host'], True))
        batch(self.handler, [190.5, 191.0, 189.5])
        self.assertLess(self.agent.points.pop().fieldsDouble['pvalue'], 0.001)
        # The anomaly has not become normal.
        self.assertEqual(self.handler.normal[''], collections.deque([90.0, 91.0, 89.0, 90.5, 91.0, 89.5]))
        batch(self.handler, [90.0, 90.0, 90.5])
        self.assertEqual(len(self.handler.normal['']), 6)
        # Another group knows nothing of it.
        batch(self.handler, [5.0, 6.0], group='host=b')
        self.assertEqual(len(self.agent.points), 1)

    def test_snapshot(self):
        batch(self.handler, [90.0, 91.0, 89.0])
        self.handler.begin_batch(udf_pb2.BeginBatch())  # a snapshot may come inside of a batch
        snapshot = self.handler.snapshot().snapshot.snapshot
        other = ttest.TTest(self.agent)
        other.init(options(field='bed', size=2, alpha=0.01))
        self.assertTrue(other.restore(udf_pb2.RestoreRequest(snapshot=snapshot)).restore.success)
        self.assertEqual(list(other.normal['']), [91.0, 89.0])
        self.assertTrue(other.restore(udf_pb2.RestoreRequest()).restore.success)
        self.assertEqual(other.normal, {})
        for bad in b'\xff', b'[]', b'{"a":1}':
            response = other.restore(udf_pb2.RestoreRequest(snapshot=bad)).restore
            self.assertFalse(response.success)
            self.assertIn('not a snapshot', response.error)


class Temperatures(unittest.TestCase):
    def test_lines(self):
        lines = list(temperatures.lines(1.2, 1))
        self.assertEqual(len(lines), 1.2 * 3600 + 1)
        self.assertRegex(lines[0], r'^temperatures hotend=2\d\d\.\d{4},bed=\d\d\.\d{4},air=\d\d\.\d{4} 1451606400000000000\n$')
        self.assertEqual(lines, list(temperatures.lines(1.2, 1)))
        hotend = [float(line.split('hotend=')[1].split(',')[0]) for line in lines]
        mean = lambda values: sum(values) / len(values)
        self.assertAlmostEqual(mean(hotend[:3600]), 220, delta=0.1)
        self.assertAlmostEqual(mean(hotend[3600:3900]), 218.5, delta=0.6)
        self.assertAlmostEqual(mean(hotend[3900:]), 220, delta=0.1)


if __name__ == '__main__':
    unittest.main()
