#!/usr/bin/env python3
"""Makes the temperatures of a 3-D printer over 24 hours, one point a second, and sends them.

They are those of a normal distribution around 220 °C at the hot end, 90 °C at the bed and 70 °C in
the air, but for some hours when something is wrong. With one seed they are always the same.
"""

import argparse
import calendar
import random
import sys
import time
import urllib.error
import urllib.request

# Midnight makes the hours easy to read.
START = calendar.timegm((2016, 1, 1, 0, 0, 0))

# What each part is like from when on: hours since the start, the standard deviation, and how far the
# mean is off. The comments say what is wrong.
PARTS = [
    ('hotend', 220, [
        (0, 0.5, 0),
        (1, 3.0, -1.5),  # the hot end fails for five minutes
        (1 + 1 / 12, 0.5, 0),
    ]),
    ('bed', 90, [
        (0, 1.0, 0),
        (8, 5.0, 2.0),  # the bed fails for a quarter of an hour
        (8.25, 1.0, 0),
    ]),
    ('air', 70, [
        (0, 3.0, 0),
        (3, 5.0, 0),  # fluctuates more, which is no anomaly of the mean
        (12, 15.0, -5.0),  # the door is open for half an hour
        (12.5, 5.0, 0),
        (20, 3.0, 0),
    ]),
]


def lines(hours, seed):
    """Yields the points in line protocol with times in nanoseconds."""
    rand = random.Random(seed)
    for second in range(int(hours * 3600) + 1):
        fields = []
        for name, target, phases in PARTS:
            sigma, offset = [(s, o) for since, s, o in phases if round(since * 3600) <= second][-1]
            fields.append('%s=%.4f' % (name, rand.gauss(target + offset, sigma)))
        yield 'temperatures %s %d\n' % (','.join(fields), (START + second) * 10**9)


def post(url, body, patience):
    """Posts to the agent, which may still be starting."""
    end = time.monotonic() + patience
    while True:
        try:
            urllib.request.urlopen(urllib.request.Request(url, body.encode()), timeout=60).close()
            return
        except urllib.error.HTTPError as err:
            sys.exit('%s: %s' % (url, err))
        except OSError as err:
            if time.monotonic() > end:
                sys.exit('%s: %s' % (url, err))
            time.sleep(0.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('-u', '--url', default='http://127.0.0.1:8186/telegraf',
                        help='where inputs.http_listener_v2 listens; - prints the points')
    parser.add_argument('--hours', type=float, default=24)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--patience', type=float, default=30, help='seconds to wait for the agent')
    args = parser.parse_args()

    if args.url == '-':
        sys.stdout.writelines(lines(args.hours, args.seed))
        return
    batch = []
    for line in lines(args.hours, args.seed):
        batch.append(line)
        if len(batch) == 5000:
            post(args.url, ''.join(batch), args.patience)
            batch = []
    if batch:
        post(args.url, ''.join(batch), args.patience)


if __name__ == '__main__':
    main()
