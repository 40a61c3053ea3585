/** What a command is doing, in one line of stderr that goes again: on a terminal only, so that files and pipes hold results alone. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** Before a result is printed. */
export const progressEnds = (): void => progress("");
