#!/usr/bin/env node
// src/cli.ts
if (Number.parseInt(process.versions.node, 10) >= 24) await import("./command-line.js");
else {
	process.stderr.write(`headgate needs Node 24 or later; this is ${process.version}\n`);
	process.exitCode = 2;
}
export {};
