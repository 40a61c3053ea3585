export const edgeEvents = {
  "edge.send": "A message left on an edge; `records` are the records it carries, decoded.",
  "edge.deliver": "A message reached the core on the other side; its posted bytes are in memory.",
  "edge.rule": "A rule of the lab matched a message and did what its field `do` says.",
  "edge.break": "An edge broke: the peer is gone.",
} as const;
