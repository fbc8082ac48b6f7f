"""Quorum expressions: which sets of signers are enough (protocol section 6).

Rules of this file:

* Expressions come from strangers. Nothing here recurses: every function goes through `_walk`, a list, so that no
  depth of nesting can exhaust the stack, and each takes time in proportion to the expression's size.
* A candidate that is listed twice counts twice, as the original has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coname.core.hashes import key_id
from coname.errors import Misconfigured
from coname.messages.client_pb2 import AuthorizationPolicy, QuorumExpr

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Sequence

    from coname.messages.config_pb2 import Replica

_SHOWN = 20
"""How many ids are named in a sentence: enough for any realm's policy; a stranger's may have thousands."""


class _Node(NamedTuple):
    """An expression within an expression.

    :ivar parent: the place of the one that contains it; the outermost names itself.
    """

    expr: QuorumExpr
    parent: int
    depth: int


class Shape(NamedTuple):
    """How large an expression is, for bounds.

    :ivar depth: levels of nesting; 1 if there are no subexpressions.
    :ivar size: candidates and subexpressions, on all levels together.
    """

    depth: int
    size: int


def _walk(expr: QuorumExpr) -> list[_Node]:
    """`expr` and all expressions within it, each after the one that contains it."""
    nodes = [_Node(expr, 0, 1)]
    for place, (outer, _, depth) in enumerate(nodes):  # the list grows while it is read
        nodes.extend(_Node(inner, place, depth + 1) for inner in outer.subexpressions)
    return nodes


def satisfied(expr: QuorumExpr, have: Container[int]) -> bool:
    """Whether the signers `have` (ids) are enough for `expr`. An absent expression reads as empty, and asks nothing."""
    if not expr.subexpressions:
        return _count(expr, have) >= expr.threshold
    nodes = _walk(expr)
    counts = [_count(node.expr, have) for node in nodes]
    for place in range(len(nodes) - 1, 0, -1):
        node = nodes[place]
        if counts[place] >= node.expr.threshold:
            counts[node.parent] += 1
    return counts[0] >= expr.threshold


def _count(expr: QuorumExpr, have: Container[int]) -> int:
    return sum([candidate in have for candidate in expr.candidates])


def signers(expr: QuorumExpr) -> frozenset[int]:
    """All ids that `expr` mentions: nobody else's signature can matter to it."""
    if not expr.subexpressions:
        return frozenset(expr.candidates)
    return frozenset(candidate for node in _walk(expr) for candidate in node.expr.candidates)


def depth_and_size(expr: QuorumExpr, most: int | None = None) -> Shape:
    """How deep and how large `expr` is.

    :param most: stop counting once the size is over this: a stranger's expression may be very wide.
    """
    size = depth = 0
    level = [expr]
    while level:
        depth += 1
        size += sum(len(one.candidates) + len(one.subexpressions) for one in level)
        if most is not None and size > most:
            break
        level = [inner for one in level for inner in one.subexpressions]
    return Shape(depth, size)


def ids(signers: Collection[int]) -> str:
    """Ids for a sentence: in order, in decimal as configurations have them, and not more than fit."""
    if not signers:
        return "none"
    shown = ", ".join(str(signer) for signer in sorted(signers)[:_SHOWN])
    return shown if len(signers) <= _SHOWN else f"{shown} and {len(signers) - _SHOWN} more"


def describe(expr: QuorumExpr) -> str:
    """What `expr` asks for, in words: ``2 of (7, 8, 1 of (9, 10))``; without the ids where they would be too many."""
    nodes = _walk(expr)
    parts = [[str(candidate) for candidate in node.expr.candidates[:_SHOWN]] for node in nodes]
    if depth_and_size(expr).size > _SHOWN:
        return f"{expr.threshold} of {len(expr.candidates) + len(expr.subexpressions)}"
    for place in range(len(nodes) - 1, 0, -1):
        parts[nodes[place].parent].append(_words(nodes[place].expr, parts[place]))
    return _words(expr, parts[0])


def _words(expr: QuorumExpr, parts: list[str]) -> str:
    return f"{expr.threshold} of ({', '.join(parts)})"


def majority(parts: int) -> int:
    """The smallest number of `parts` that is more than half of them."""
    return parts // 2 + 1


def replica_policy(replicas: Sequence[Replica]) -> AuthorizationPolicy:
    """What a provider's own ratification asks for: a majority of replicas, each with any one of its keys (section 7).

    A replica's first key is filed under the replica's id, which by convention is that key's id; further ones under
    their key ids.

    :raises Misconfigured: no replicas, one without keys, or an id or a key that appears twice (one signature would
        count for two replicas).
    """
    policy = AuthorizationPolicy()
    policy.quorum.threshold = majority(len(replicas))
    mistakes = [] if replicas else ["initial_replicas: empty; a realm has at least one replica"]
    seen: set[bytes] = set()
    for place, replica in enumerate(replicas):
        path = f"initial_replicas[{place}].public_keys"
        if not replica.public_keys:
            mistakes.append(f"{path}: empty; a replica has at least one key")
        any_key = policy.quorum.subexpressions.add(threshold=1)
        for number, key in enumerate(replica.public_keys):
            encoded = key.SerializeToString()
            signer = key_id(encoded) if number else replica.id
            if signer in policy.public_keys or encoded in seen:
                mistakes.append(
                    f"{path}[{number}]: the key, or its id {signer}, appears before; each is for one replica"
                )
            seen.add(encoded)
            policy.public_keys[signer].CopyFrom(key)
            any_key.candidates.append(signer)
    if mistakes:
        raise Misconfigured(mistakes)
    return policy
