//! Fetching, against a server that misbehaves on command.
