#!/usr/bin/env python3
"""A user-defined function: the average of the last points of a field, group by group."""

import collections
import json

from kapacitor.udf import udf_pb2
from kapacitor.udf.agent import Agent, Handler


class MovingAverage(Handler):
    def __init__(self, agent):
        self.agent = agent
        self.field = ''
        self.size = 0
        self.name = 'avg'
        self.windows = {}  # the last values of each group

    def info(self):
        """The function takes points and gives points; scripts set .field, .size and .as."""
        response = udf_pb2.Response()
        response.info.wants = udf_pb2.STREAM
        response.info.provides = udf_pb2.STREAM
        response.info.options['field'].valueTypes.append(udf_pb2.STRING)
        response.info.options['size'].valueTypes.append(udf_pb2.INT)
        response.info.options['as'].valueTypes.append(udf_pb2.STRING)
        return response

    def init(self, init_req):
        """Takes the options, whose types are those of info."""
        for opt in init_req.options:
            if opt.name == 'field':
                self.field = opt.values[0].stringValue
            elif opt.name == 'size':
                self.size = opt.values[0].intValue
            elif opt.name == 'as':
                self.name = opt.values[0].stringValue
        errors = []
        if not self.field:
            errors.append('must set field')
        if self.size <= 0:
            errors.append('must set a size of 1 or more')
        if not self.name:
            errors.append('the name in as must not be empty')
        response = udf_pb2.Response()
        response.init.success = not errors
        response.init.error = ', '.join(errors)
        return response

    def point(self, point):
        """Sends a point with the average."""
        if self.field in point.fieldsDouble:
            value = point.fieldsDouble[self.field]
        elif self.field in point.fieldsInt:
            value = float(point.fieldsInt[self.field])
        else:
            return
        window = self.windows.get(point.group)
        if window is None:
            window = self.windows[point.group] = collections.deque(maxlen=self.size)
        window.append(value)

        # The group of a point follows from its name, dimensions and tags.
        response = udf_pb2.Response()
        response.point.time = point.time
        response.point.name = point.name
        response.point.database = point.database
        response.point.retentionPolicy = point.retentionPolicy
        response.point.dimensions.extend(point.dimensions)
        response.point.byName = point.byName
        for key, tag in point.tags.items():
            response.point.tags[key] = tag
        response.point.fieldsDouble[self.name] = sum(window) / len(window)
        self.agent.write_response(response)

    def snapshot(self):
        """Saves the windows, so that a restart costs nothing."""
        response = udf_pb2.Response()
        state = {group: list(window) for group, window in self.windows.items()}
        response.snapshot.snapshot = json.dumps(state).encode()
        return response

    def restore(self, restore_req):
        """Brings the windows back. The size may be another one by now."""
        response = udf_pb2.Response()
        try:
            state = json.loads(restore_req.snapshot.decode() or '{}')
            self.windows = {group: collections.deque(values, self.size) for group, values in state.items()}
            response.restore.success = True
        except (ValueError, TypeError, AttributeError) as err:
            response.restore.error = 'not a snapshot of this function: %s' % err
        return response

    # It wants points, and so gets no batches.


if __name__ == '__main__':
    agent = Agent()
    agent.handler = MovingAverage(agent)
    agent.start()
    agent.wait()
