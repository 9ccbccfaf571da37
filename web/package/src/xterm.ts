/// <reference lib="esnext.disposable" preserve="true" />
// A running command on xterm.js. An entry point of its own: what it joins, its caller has loaded.
import type { ExecProcess } from "./process.js";

/** What is used of an xterm.js `Terminal`. */
export interface XTerm {
  /** Its width. */
  readonly cols: number;
  /** Its height. */
  readonly rows: number;
  /** Shows what a command wrote; calls back once it has. */
  write(data: string | Uint8Array, callback?: () => void): void;
  /** Tells what is typed or pasted, as text. */
  onData(listener: (data: string) => void): { dispose(): void };
  /** Tells what is typed and is not UTF-8, a byte a character: some reports of a mouse. */
  onBinary(listener: (data: string) => void): { dispose(): void };
  /** Tells a new size. */
  onResize(listener: (size: { cols: number; rows: number }) => void): { dispose(): void };
  /** Takes along what is to be disposed of with it. */
  loadAddon(addon: { activate(): void; dispose(): void }): void;
}

/** How a command is joined to a terminal. */
export interface AttachOptions {
  /** Shows, below what the command wrote, how it ended. Default: true. */
  readonly showExit?: boolean | undefined;
}

/** A command that is joined to a terminal: {@link attachTerminal}. */
export interface Attachment {
  /**
   * The command's exit code, once all that it wrote is shown; rejected as {@link ExecProcess.wait} is. Nobody needs to
   * look at it.
   */
  readonly exited: Promise<number>;
  /**
   * Parts the two, as disposing of the terminal does. As leaving a loop over the output early, it ends the command, unless
   * its end is awaited elsewhere.
   */
  dispose(): void;
  /** As {@link Attachment.dispose}: for `using`. */
  [Symbol.dispose](): void;
}

/** How much may wait for the terminal to show it, before the command is made to wait. */
const UNSHOWN = 256 * 1024;

/** Out of a full-screen program that did not leave, and without its colours. */
const PLAIN = "\x1b[?47l\x1b[?25h\x1b[0m";

/**
 * Joins a command to an xterm.js terminal: keys, pastes, the mouse and new sizes go to the command, what it writes is shown,
 * byte for byte, and at last how it ended. A terminal that is slow to show makes the command wait, and a command that is
 * slow to read makes a paste wait.
 *
 * @param process A command that runs in a terminal: `box.exec(…, { interactive: true })`.
 * @param terminal An xterm.js `Terminal`.
 * @example
 * ```ts
 * const terminal = new Terminal();
 * terminal.open(element);
 * const { cols, rows } = terminal;
 * const shell = await box.exec(["bash"], { interactive: true, cols, rows });
 * const { exited } = attachTerminal(shell, terminal);
 * ```
 */
export function attachTerminal(process: ExecProcess, terminal: XTerm, options: AttachOptions = {}): Attachment {
  const { stdin, stdout } = process;
  if (!stdin) throw new TypeError("process: its input is not open: run the command with { interactive: true }");

  let parted = false;
  let unshown = 0;
  let wake = (): void => undefined;
  /** Waits until no more than so many bytes wait to be shown. */
  const atMost = async (bytes: number): Promise<void> => {
    while (unshown > bytes && !parted) await new Promise<void>((resolve) => (wake = resolve));
  };
  // Of a command that has ended: how, the output tells.
  const send = (input: string | Uint8Array): void => void stdin.write(input).catch(() => undefined);
  const listeners = [
    terminal.onData(send),
    terminal.onBinary((data) => send(Uint8Array.from(data, (character) => character.charCodeAt(0)))),
    terminal.onResize(({ cols, rows }) => process.resize(cols, rows)),
  ];
  // So that it goes with the terminal.
  const addon = {
    activate: () => process.resize(terminal.cols, terminal.rows),
    dispose: () => {
      parted = true;
      for (const listener of listeners.splice(0)) listener.dispose();
      wake();
      void stdout.return();
    },
  };
  terminal.loadAddon(addon);

  const tell = (end: string): void => {
    if (!parted && options.showExit !== false) terminal.write(`${PLAIN}\r\n[${end}]\r\n`);
  };
  const run = async (): Promise<number> => {
    try {
      for await (const piece of stdout) {
        unshown += piece.length;
        terminal.write(piece, () => {
          unshown -= piece.length;
          wake();
        });
        await atMost(UNSHOWN);
      }
      await atMost(0);
      const code = await process.wait();
      tell(`exit code ${code}`);
      return code;
    } catch (error) {
      tell(shown(error));
      throw error;
    } finally {
      addon.dispose();
    }
  };
  const exited = run();
  exited.catch(() => undefined);
  const dispose = (): void => addon.dispose();
  return { exited, dispose, [Symbol.dispose]: dispose };
}

/** An error as text: what a server says is not to steer the terminal. */
function shown(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/[\0-\x1f\x7f-\x9f]+/g, " ");
}
