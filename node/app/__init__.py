"""The one place where the rooms are joined: settings in, a node out, and the web application over it.

node          the open node: its rooms joined, questions answered
application   the web application over it
entrance      who asks: tokens, sessions, the node's own authorization server
pages         what people see
inquiry       one question to the network: merged, or told as each node answers
streaming     `/network/stream`
casework      `/cases`: the doctors and programs of this node with their own cases
matching      `/mme` and `/network/mme`, and what the matchmaker does by itself
membership    `/network/peers` and the service registry
attendance    callers who go away, and the trace of a request
shield        refusals and faults at the edge
"""

from node.app.application import create_app
from node.app.entrance import in_the_open, warning
from node.app.node import Node, ask_elsewhere, open_node

__all__ = ["Node", "ask_elsewhere", "create_app", "in_the_open", "open_node", "warning"]
