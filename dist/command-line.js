import { a as VERSION, i as start, l as placeText, m as failureOf, n as readCommandLine, o as readManifestFiles, r as settingsOf, t as rbac, u as leave } from "./headgate.js";
// src/command-line.ts
const cancel = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => cancel.abort(new Error(`${signal} received`)));
for (const stream of [process.stdout, process.stderr]) stream.on("error", (error) => {
	if (error.code !== "EPIPE") throw error;
});
try {
	const line = await readCommandLine(process.argv.slice(2), process.env, process.cwd());
	if (line.kind === "run" && line.rbac) process.stdout.write(await role(line.context));
	else if (line.kind !== "run") process.stdout.write(line.kind === "help" ? line.text : `${VERSION}\n`);
	else {
		const { result } = await start(line.context, {
			write: (text) => process.stdout.write(text),
			github: false,
			color: process.stdout.isTTY,
			cancel: cancel.signal,
			mask: () => {},
			remember: () => {}
		});
		process.exitCode = result.exitCode;
	}
} catch (error) {
	const { message, place, next } = failureOf(error);
	process.stderr.write(`headgate: ${place === void 0 ? "" : `${placeText(place)}: `}${message}${next === void 0 ? "" : `\n${next}`}\n`);
	process.exitCode = 2;
}
leave();
async function role(context) {
	const { settings } = await settingsOf(context);
	const files = await readManifestFiles(context.workspace, settings.manifests);
	return rbac(files, settings, settings.namespace ?? "default");
}
export {};
