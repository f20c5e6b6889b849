# SPDX-License-Identifier: BSD-2-Clause
"""The build-machine side of Drupe: setup, build, run. Python 3.11, standard library only."""
