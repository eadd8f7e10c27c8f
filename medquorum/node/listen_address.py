"""Where a listener binds, written as HOST:PORT or [IPV6]:PORT."""

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class ListenAddress(BaseModel):
    """Where a listener binds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: Annotated[str, Field(pattern=r"^[0-9A-Za-z.:_-]{1,253}$")]
    port: Annotated[int, Field(ge=0, le=65_535)]
    """0 lets the system choose."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def local_url(self) -> str:
        """Where programs of this machine reach it, also when it binds every address."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
        host = everywhere.get(self.host, self.host)
        return f"http://{ListenAddress(host=host, port=self.port)}"


def parse_listen_address(text: object) -> object:
    """Split HOST:PORT or [IPV6]:PORT; ValueError says the form wanted."""
    if not isinstance(text, str):
        raise ValueError("must be text such as 127.0.0.1:8443")
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]+)):([0-9]{1,5})", text)
    if match is None:
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:8443 or [::1]:8443")
    return {"host": match[1] or match[2], "port": int(match[3])}


def listen_address(text: str) -> ListenAddress:
    """The address that a text names; ValueError for one of another form."""
    return ListenAddress.model_validate(parse_listen_address(text))


Listen = Annotated[ListenAddress, BeforeValidator(parse_listen_address)]
