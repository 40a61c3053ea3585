export const labEvents = {
  "lab.run-start": "A run began: the scenario or command, its seed and its mutants.",
  "lab.rules-armed": "The faults of the run are armed; `rules` are their ids.",
  "lab.rule": "A rule of the lab did what its field `do` says to a task at the point `at`, or to the piece of hardware `at`.",
  "lab.workload-start": "The guest's user process started the workload.",
  "lab.workload-end": "The workload ended; `error` names why it failed, if it did.",
  "lab.deadlock": "Nothing was runnable any more and the workload had not ended, or nothing happened for the liveness bound.",
  "lab.heal": "All faults ended; from here everything must come to its end within `withinNs`.",
  "lab.part":
    "`part` was killed, paused, resumed, cut off (partition), joined again or started by the lab, as `did` says, it ended (exit) because its edge below broke, or it did not come up again (fail).",
  "lab.broken-off": "The run could not go on, as `error` says: nothing follows, and what came before proves nothing.",
  "lab.data-checked": "What the device wrote was compared with what this machine computes from the same input: `expected`, `actual`, `equal`.",
} as const;
