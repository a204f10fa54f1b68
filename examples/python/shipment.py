"""Ships orders while nobody is there to ship them: shipment.py BOOK ORDER... records the orders and ends.

Needs jeepney, and the path of the service's socket in CONSIGN_SOCKET. The same program is the component: the
service starts it with CONSIGN_ACTIVATION_TOKEN when there is a message, and calls Play of
org.consign.Player on the object that it registers. Nothing but the D-Bus wire is used.
"""

import json
import os
import sys

from jeepney import DBusAddress, MessageFlag, MessageType, new_error, new_method_call, new_method_return
from jeepney.io.blocking import open_dbus_connection
from jeepney.low_level import Endianness, parse_signature

# CLSID_Shipment and IID_IShipment: made once with uuidgen, and never changed.
CLASS = '4d1c9e70-3b52-4b0e-8f0a-6e2d7a9c5b13'
IID = '97184d0f-f7ef-413a-8c6d-c1745018b2e9'
IUNKNOWN = '00000000-0000-0000-c000-000000000046'
MANAGER, FACTORY = '/org/consign/Manager', '/factory'
REGCLS_MULTIPLEUSE = 1
S_OK, E_FAIL, DISP_E_MEMBERNOTFOUND = 0, -0x7fffbffb, -0x7ffdfffd

# The interface model, as `consign component import` makes it of an IDL file.
SHIPMENT = {
    'iid': IID, 'name': 'IShipment', 'bases': [{'iid': IUNKNOWN, 'name': 'IUnknown'}], 'attributes': {'queueable': True},
    'methods': [{'name': 'ShipOrder', 'number': 3, 'returns': 'hresult',
                 'parameters': [{'name': 'dwOrderNumber', 'type': 'u32'}]}],
}


def address(path, interface):
    return DBusAddress(path, bus_name='org.consign', interface=interface)


def call(connection, message):
    reply = connection.send_and_get_reply(message)
    if reply.header.message_type == MessageType.error:
        sentence, code, _ = reply.body
        sys.exit(f'{sentence} (0x{code & 0xffffffff:08x})')
    return reply.body


def order(connection, book, orders):
    """What an application does: it is installed once, then it records."""
    command = [sys.executable, os.path.abspath(__file__), os.path.abspath(book)]
    class_file = f"clsid = '{CLASS}'\nprogid = 'Contoso.PyShipment'\nexec = {json.dumps(command)}\nidle_stop = 0\n"
    call(connection, new_method_call(address(MANAGER, 'org.consign.Classes'), 'Register', 's', (class_file,)))
    imported = (CLASS, [json.dumps(SHIPMENT)])
    call(connection, new_method_call(address(MANAGER, 'org.consign.Components'), 'Import', 'sas', imported))

    # The recorder has the interface's own methods. What is recorded is one message.
    queues = address(MANAGER, 'org.consign.Queues')
    recorder, = call(connection, new_method_call(queues, 'CreateRecorder', 's', ('queue:Label=orders/new:Contoso.PyShipment',)))
    shipment = address(recorder, 'org.consign.i.IShipment')
    for number in orders:
        call(connection, new_method_call(shipment, 'ShipOrder', 'u', (int(number),)))
    message, = call(connection, new_method_call(address(recorder, 'org.consign.Recorder'), 'Commit'))
    print(message)


def play(book, arguments):
    """Plays one message, all of it or, for whoever reads the book, none of it; answers what Play answers."""
    (_class, _attempt, message, number, _stage, _queue, label, _priority, _app_specific, _caller,
     order_of_bytes, methods, calls) = arguments
    if any((iid, name, signature) != (IID, 'ShipOrder', 'u') for iid, name, signature in methods):
        return DISP_E_MEMBERNOTFOUND, -1, 'the component ships orders, and nothing else'
    endianness = Endianness.little if order_of_bytes == ord('l') else Endianness.big
    lines = []
    for method, marshalled in calls:
        types = parse_signature(list(f'({methods[method][2]})'))
        (order_number,), _ = types.parse_data(bytes(marshalled), 0, endianness)
        lines.append(f'order {order_number}, message {message}, attempt {number}\n')
    try:
        with open(book, 'a') as file:
            file.write(''.join(lines))
    except OSError as error:
        # A failure sends the whole message back: it is tried again, later.
        return E_FAIL, 0, str(error)
    return S_OK, -1, ''


def serve(connection, token, book):
    """What the component does, until it is asked to end or the service is gone."""
    registration = (token, CLASS, FACTORY, REGCLS_MULTIPLEUSE)
    connection.send(new_method_call(address(MANAGER, 'org.consign.Activation'), 'RegisterClass', 'ssou', registration))
    while True:
        message = connection.receive()
        if message.header.message_type == MessageType.error:
            sys.exit(message.body[0])
        if message.header.message_type != MessageType.method_call:
            continue
        member = message.header.fields[3]
        if member == 'Shutdown':
            return
        elif member == 'Play':
            connection.send(new_method_return(message, 'iis', play(book, message.body)))
        elif not message.header.flags & MessageFlag.no_reply_expected:
            connection.send(new_error(message, 'org.freedesktop.DBus.Error.UnknownMethod'))


with open_dbus_connection(bus='unix:path=' + os.environ['CONSIGN_SOCKET']) as connection:
    if 'CONSIGN_ACTIVATION_TOKEN' in os.environ:
        try:
            serve(connection, os.environ['CONSIGN_ACTIVATION_TOKEN'], sys.argv[1])
        except ConnectionResetError:
            pass  # The service is gone, and with it the work.
    else:
        order(connection, sys.argv[1], sys.argv[2:])
