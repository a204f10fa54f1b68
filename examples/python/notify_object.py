"""Fetches one file, and is called when it is here or cannot be had: notify_object.py URL PATH

Needs jeepney, and the path of the service's socket in CONSIGN_SOCKET. The service calls
org.consign.BackgroundCopyCallback on an object of this program, over the program's own connection.
"""

import os
import sys

from jeepney import DBusAddress, MatchRule, MessageFlag, MessageType, new_error, new_method_call, new_method_return
from jeepney.io.blocking import open_dbus_connection

CALLBACK = '/callback'
TRANSFERRED, ERROR = 1, 2
S_OK = 0

url, path = sys.argv[1], os.path.abspath(sys.argv[2])
manager = DBusAddress('/org/consign/Manager', bus_name='org.consign', interface='org.consign.Manager')

with open_dbus_connection(bus='unix:path=' + os.environ['CONSIGN_SOCKET']) as connection:

    def call(message):
        reply = connection.send_and_get_reply(message)
        if reply.header.message_type == MessageType.error:
            sentence, code, context = reply.body
            sys.exit(f'{sentence} (0x{code & 0xffffffff:08x})')
        return reply.body

    options = {'NotifyFlags': ('u', TRANSFERRED | ERROR)}
    job_path, _ = call(new_method_call(manager, 'CreateJob', 'sua{sv}', ('from Python', 0, options)))
    job = DBusAddress(job_path, bus_name='org.consign', interface='org.consign.Job')
    call(new_method_call(job, 'AddFile', 'ss', (url, path)))

    # Calls are put into a queue: they may come while an answer is waited for.
    calls = MatchRule(type='method_call', path=CALLBACK)
    with connection.filter(calls, bufsize=16) as queue:
        call(new_method_call(job, 'SetNotifyInterface', 'o', (CALLBACK,)))
        call(new_method_call(job, 'Resume'))
        result = None
        while result is None:
            told = connection.recv_until_filtered(queue)
            member = told.header.fields[3]
            if member == 'JobTransferred':
                _, event = told.body
                print(f'event {event}: transferred')
                # Inside a callback the job may be completed, like anywhere else.
                call(new_method_call(job, 'Complete'))
                result = 0
            elif member == 'JobError':
                _, error, event = told.body
                context, code, symbol, sentence = error[:4]
                print(f'event {event}: {sentence} ({symbol})')
                call(new_method_call(job, 'Cancel'))
                result = 1
            elif member == 'Displaced':
                print('another program has set its object')
                result = 1
            if not told.header.flags & MessageFlag.no_reply_expected:
                # Whatever is not S_OK means: tell me again, after the retry delay.
                known = member in ('JobTransferred', 'JobError')
                if known:
                    connection.send(new_method_return(told, 'i', (S_OK,)))
                else:
                    connection.send(new_error(told, 'org.freedesktop.DBus.Error.UnknownMethod'))

sys.exit(result)
