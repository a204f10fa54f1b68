"""Fetches one file and ends at once; it is started again when the file is here or cannot be had:
notify_class.py URL PATH

Needs jeepney, and the path of the service's socket in CONSIGN_SOCKET. The same program is the server of
its class: the service starts it with CONSIGN_ACTIVATION_TOKEN when an event of the job is due, asks its
org.consign.ClassFactory for an object, and calls org.consign.BackgroundCopyCallback on that.
"""

import itertools
import json
import os
import sys

from jeepney import DBusAddress, MessageFlag, MessageType, new_error, new_method_call, new_method_return
from jeepney.io.blocking import open_dbus_connection

# CLSID_NotifyClass: made once with uuidgen, and never changed.
CLASS = '0a9d6b52-7c4e-4f39-8f0e-52f1d36c7a90'
FACTORY = '/factory'
TRANSFERRED, ERROR = 1, 2
REGCLS_MULTIPLEUSE = 1
S_OK, E_FAIL = 0, -0x7fffbffb


def address(path, interface):
    return DBusAddress(path, bus_name='org.consign', interface=interface)


def call(connection, message):
    reply = connection.send_and_get_reply(message)
    if reply.header.message_type == MessageType.error:
        sentence, code, _ = reply.body
        sys.exit(f'{sentence} (0x{code & 0xffffffff:08x})')
    return reply.body


def hand_over(connection, url, path):
    """What an application does: it registers the class when it is installed, then hands jobs over."""
    manager = '/org/consign/Manager'
    command = [sys.executable, os.path.abspath(__file__)]
    class_file = f"clsid = '{CLASS}'\nname = 'Notify class in Python'\nexec = {json.dumps(command)}\nidle_stop = 0\n"
    call(connection, new_method_call(address(manager, 'org.consign.Classes'), 'Register', 's', (class_file,)))
    options = {'NotifyFlags': ('u', TRANSFERRED | ERROR), 'NotificationClsid': ('s', CLASS)}
    created = new_method_call(address(manager, 'org.consign.Manager'), 'CreateJob', 'sua{sv}', ('from Python', 0, options))
    job_path, job_id = call(connection, created)
    job = address(job_path, 'org.consign.Job')
    call(connection, new_method_call(job, 'AddFile', 'ss', (url, os.path.abspath(path))))
    call(connection, new_method_call(job, 'Resume'))
    print(job_id)


def serve(connection, token):
    """What the server does, until it is asked to end or the service is gone."""
    activation = address('/org/consign/Manager', 'org.consign.Activation')
    registered = new_method_call(activation, 'RegisterClass', 'ssou', (token, CLASS, FACTORY, REGCLS_MULTIPLEUSE))
    # Calls may come before the answer: what is not the answer is kept.
    connection.send(registered, serial=(serial := next(connection.outgoing_serial)))
    waiting, answer = [], None
    while answer is None:
        message = connection.receive()
        if message.header.message_type in (MessageType.method_return, MessageType.error):
            answer = message
        else:
            waiting.append(message)
    if answer.header.message_type == MessageType.error:
        sys.exit(answer.body[0])
    numbers = itertools.count(1)
    while True:
        message = waiting.pop(0) if waiting else connection.receive()
        if message.header.message_type != MessageType.method_call:
            continue
        member = message.header.fields[3]
        wanted = not message.header.flags & MessageFlag.no_reply_expected
        if member == 'Shutdown':
            return
        elif member == 'CreateInstance':
            connection.send(new_method_return(message, 'o', (f'/object/{next(numbers)}',)))
        elif member == 'JobTransferred':
            job, event = message.body
            # What a server prints is kept by the service, and shown by `consign class show`.
            print(f'event {event}: {job} is transferred', flush=True)
            connection.send(new_method_return(message, 'i', (end(connection, job, 'Complete', waiting),)))
        elif member == 'JobError':
            job, error, event = message.body
            print(f'event {event}: {error[3]} ({error[2]})', flush=True)
            connection.send(new_method_return(message, 'i', (end(connection, job, 'Cancel', waiting),)))
        elif member != 'Release' and wanted:
            connection.send(new_error(message, 'org.freedesktop.DBus.Error.UnknownMethod'))


def end(connection, job, method, waiting):
    """Ends a job from inside a callback; whatever is not S_OK means: tell me again."""
    serial = next(connection.outgoing_serial)
    connection.send(new_method_call(address(job, 'org.consign.Job'), method), serial=serial)
    while True:
        message = connection.receive()
        if message.header.fields.get(5) == serial:
            return S_OK if message.header.message_type == MessageType.method_return else E_FAIL
        waiting.append(message)


with open_dbus_connection(bus='unix:path=' + os.environ['CONSIGN_SOCKET']) as connection:
    if 'CONSIGN_ACTIVATION_TOKEN' in os.environ:
        try:
            serve(connection, os.environ['CONSIGN_ACTIVATION_TOKEN'])
        except ConnectionResetError:
            pass  # The service is gone, and with it the work.
    else:
        hand_over(connection, *sys.argv[1:])
