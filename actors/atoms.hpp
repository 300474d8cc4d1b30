#pragma once

/// The verbs and nouns of every message, alphabetical. A text has at most ten characters out of 0-9 A-Z a-z _: others
/// would all encode to zero, and two such atoms could be the same type.

#include <caf/atom.hpp>

CAF_ADD_ATOM(chromatin, chromatin::atom, admit, "admit")
CAF_ADD_ATOM(chromatin, chromatin::atom, append, "append")
CAF_ADD_ATOM(chromatin, chromatin::atom, attach, "attach")
CAF_ADD_ATOM(chromatin, chromatin::atom, cancel, "cancel")
CAF_ADD_ATOM(chromatin, chromatin::atom, commit, "commit")
CAF_ADD_ATOM(chromatin, chromatin::atom, detach, "detach")
CAF_ADD_ATOM(chromatin, chromatin::atom, erase, "erase")
CAF_ADD_ATOM(chromatin, chromatin::atom, failed, "failed")
CAF_ADD_ATOM(chromatin, chromatin::atom, fetch, "fetch")
CAF_ADD_ATOM(chromatin, chromatin::atom, forget, "forget")
CAF_ADD_ATOM(chromatin, chromatin::atom, fork, "fork")
CAF_ADD_ATOM(chromatin, chromatin::atom, hint, "hint")
CAF_ADD_ATOM(chromatin, chromatin::atom, internal, "internal")
CAF_ADD_ATOM(chromatin, chromatin::atom, late, "late")
CAF_ADD_ATOM(chromatin, chromatin::atom, lookup, "lookup")
CAF_ADD_ATOM(chromatin, chromatin::atom, open, "open")
CAF_ADD_ATOM(chromatin, chromatin::atom, pin, "pin")
CAF_ADD_ATOM(chromatin, chromatin::atom, proceed, "proceed")
CAF_ADD_ATOM(chromatin, chromatin::atom, ready, "ready")
CAF_ADD_ATOM(chromatin, chromatin::atom, refused, "refused")
CAF_ADD_ATOM(chromatin, chromatin::atom, release, "release")
CAF_ADD_ATOM(chromatin, chromatin::atom, save, "save")
CAF_ADD_ATOM(chromatin, chromatin::atom, saved, "saved")
CAF_ADD_ATOM(chromatin, chromatin::atom, say, "say")
CAF_ADD_ATOM(chromatin, chromatin::atom, settle, "settle")
CAF_ADD_ATOM(chromatin, chromatin::atom, stats, "stats")
CAF_ADD_ATOM(chromatin, chromatin::atom, step, "step")
CAF_ADD_ATOM(chromatin, chromatin::atom, touch, "touch")
CAF_ADD_ATOM(chromatin, chromatin::atom, truncate, "truncate")
CAF_ADD_ATOM(chromatin, chromatin::atom, turn, "turn")
CAF_ADD_ATOM(chromatin, chromatin::atom, unpin, "unpin")
