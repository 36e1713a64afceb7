#!/usr/bin/env python3
"""A user-defined function that tells whether a batch of values is like those before it.

For each group it keeps the last values that were normal. A new batch is compared with them by
Welch's t-test for two samples: the p-value is the probability that means this far apart are chance.
A batch whose p-value is at most alpha is an anomaly, and does not become part of what is normal.
"""

import collections
import json
import math

from kapacitor.udf import udf_pb2
from kapacitor.udf.agent import Agent, Handler

try:
    from scipy import stats
except ImportError:
    stats = None


class TTest(Handler):
    def __init__(self, agent):
        self.agent = agent
        self.field = ''
        self.size = 0
        self.alpha = 0.0
        self.normal = {}  # the last normal values of each group
        self.begin = None
        self.batch = []

    def info(self):
        """The function takes batches and gives a point for each."""
        response = udf_pb2.Response()
        response.info.wants = udf_pb2.BATCH
        response.info.provides = udf_pb2.STREAM
        response.info.options['field'].valueTypes.append(udf_pb2.STRING)
        response.info.options['size'].valueTypes.append(udf_pb2.INT)
        response.info.options['alpha'].valueTypes.append(udf_pb2.DOUBLE)
        return response

    def init(self, init_req):
        for opt in init_req.options:
            if opt.name == 'field':
                self.field = opt.values[0].stringValue
            elif opt.name == 'size':
                self.size = opt.values[0].intValue
            elif opt.name == 'alpha':
                self.alpha = opt.values[0].doubleValue
        errors = []
        if not self.field:
            errors.append('must set field')
        if self.size < 2:
            errors.append('must set a size of 2 or more')
        if not 0 < self.alpha < 1:
            errors.append('must set alpha between 0 and 1')
        response = udf_pb2.Response()
        response.init.success = not errors
        response.init.error = ', '.join(errors)
        return response

    def begin_batch(self, begin_req):
        self.begin = begin_req
        self.batch = []

    def point(self, point):
        if self.field in point.fieldsDouble:
            self.batch.append(point.fieldsDouble[self.field])
        elif self.field in point.fieldsInt:
            self.batch.append(float(point.fieldsInt[self.field]))

    def end_batch(self, end_req):
        """Compares the batch with what is normal and sends a point with t and pvalue."""
        normal = self.normal.get(end_req.group)
        if normal is None:
            normal = self.normal[end_req.group] = collections.deque(maxlen=self.size)
        t, pvalue = 0.0, 1.0
        if len(normal) > 1 and len(self.batch) > 1:
            t, pvalue = ttest(normal, self.batch)
            response = udf_pb2.Response()
            response.point.time = end_req.tmax
            response.point.name = end_req.name
            response.point.byName = self.begin.byName
            for key, tag in end_req.tags.items():
                response.point.tags[key] = tag
            response.point.dimensions.extend(sorted(end_req.tags))
            response.point.fieldsDouble['t'] = t
            response.point.fieldsDouble['pvalue'] = pvalue
            self.agent.write_response(response)
        if pvalue > self.alpha:
            normal.extend(self.batch)
        self.batch = []

    # A snapshot may come inside of a batch. The agent sends such a batch again after a restore, so it
    # holds what is normal only.

    def snapshot(self):
        response = udf_pb2.Response()
        state = {group: list(values) for group, values in self.normal.items()}
        response.snapshot.snapshot = json.dumps(state).encode()
        return response

    def restore(self, restore_req):
        response = udf_pb2.Response()
        try:
            state = json.loads(restore_req.snapshot.decode() or '{}')
            self.normal = {group: collections.deque(values, self.size) for group, values in state.items()}
            response.restore.success = True
        except (ValueError, TypeError, AttributeError) as err:
            response.restore.error = 'not a snapshot of this function: %s' % err
        return response


def ttest(a, b):
    """Returns t and the two-sided p-value of Welch's t-test: are the means of a and b the same?"""
    mean_a, var_a = moments(a)
    mean_b, var_b = moments(b)
    n_a, n_b = len(a), len(b)
    # What each adds to the variance of the difference of the means.
    s_a, s_b = var_a / n_a, var_b / n_b
    if s_a + s_b == 0:
        return (0.0, 1.0) if mean_a == mean_b else (math.copysign(1e300, mean_a - mean_b), 0.0)
    if stats is not None:
        t, p = stats.ttest_ind_from_stats(mean_a, math.sqrt(var_a), n_a, mean_b, math.sqrt(var_b), n_b, equal_var=False)
        return float(t), float(p)
    t = (mean_a - mean_b) / math.sqrt(s_a + s_b)
    df = (s_a + s_b) ** 2 / (s_a ** 2 / (n_a - 1) + s_b ** 2 / (n_b - 1))
    return t, t_pvalue(t, df)


def moments(values):
    """Returns the mean and the variance of a sample."""
    n = len(values)
    mean = math.fsum(values) / n
    return mean, math.fsum((v - mean) ** 2 for v in values) / (n - 1)


def t_pvalue(t, df):
    """Returns the probability of a value at least as far from 0 as t, in Student's t distribution."""
    return incomplete_beta(df / 2, 0.5, df / (df + t * t))


def incomplete_beta(a, b, x):
    """Returns the regularized incomplete beta function I_x(a, b)."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    # The continued fraction converges fast below the mean of the distribution; above, the other tail does.
    if x < (a + 1) / (a + b + 2):
        return front * beta_fraction(a, b, x) / a
    return 1 - front * beta_fraction(b, a, 1 - x) / b


def beta_fraction(a, b, x):
    """Evaluates the continued fraction of the incomplete beta function by Lentz's method."""
    tiny = 1e-300
    c = 1.0
    d = 1 - (a + b) * x / (a + 1)
    d = 1 / (d or tiny)
    value = d
    for m in range(1, 1000):
        # Two terms at a time, an even one and an odd one.
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + term * d or tiny)
            c = 1 + term / c or tiny
            step = c * d
            value *= step
        if abs(step - 1) < 1e-15:
            break
    return value


if __name__ == '__main__':
    agent = Agent()
    agent.handler = TTest(agent)
    agent.start()
    agent.wait()
