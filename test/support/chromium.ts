import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const path = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Why browser tests cannot run here, or null: a Chromium is there. .ci/run installs it where Debian's packages can be had. */
export const noChromium: string | null = existsSync(path)
  ? null
  : `no ${path} (apt-get install -y --no-install-recommends chromium; or CHROMIUM names another Chromium or Chrome)`;

/** Headless; without the connections that a fresh profile opens by itself. */
export const launchChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath: path,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
