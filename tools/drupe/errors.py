# SPDX-License-Identifier: BSD-2-Clause
"""What can go wrong through no fault of ours: one sentence for the user and an exit status."""

OUR_ERROR = 125  # the status of every failure of the command itself; 126/127 are the guest's


class UserError(Exception):
    """Ends the command with `drupe: <message>` on stderr; never shows a traceback."""

    def __init__(self, message: str, status: int = OUR_ERROR):
        super().__init__(message)
        self.status = status
