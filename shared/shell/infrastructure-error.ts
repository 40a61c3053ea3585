/** What the machine around us did not give: a peer, a port, memory, a core that came up. One line for people, exit code 3. */
export class InfrastructureError extends Error {}
