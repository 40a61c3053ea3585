let context = "";

/** What stands before every progress from now on: which of several runs it is. */
export function progressOf(text: string): void {
  context = text;
}

/** What a command is doing, in one line of stderr that goes again: on a terminal only, so that files and pipes hold results alone. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${context}${text}`);
}

/** Before a result is printed. */
export function progressEnds(): void {
  progressOf("");
  progress("");
}
