"""JupyterLab's settings for the course: send each message of a kernel to the browser at once.

Without this the system may hold back a small message until the browser has confirmed the one before it, which
happens 40 ms later (Nagle's algorithm and delayed acknowledgments). A slider's step is several small messages.
"""

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptConnection(ZMQChannelsWebsocketConnection):
    """The usual connection between a kernel and the browser, without the delay."""

    def connect(self):
        self.websocket_handler.set_nodelay(True)
        return super().connect()


c = get_config()  # noqa: F821  # Jupyter runs this file and provides it
c.ServerApp.kernel_websocket_connection_class = PromptConnection
