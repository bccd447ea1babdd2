import { b as setSecret, c as giveUp, d as tell, f as renderSummary, g as notice, h as getState, i as start, p as readAction, s as openGitHub, u as leave, x as summary } from "./headgate.js";
// src/post.ts
try {
	const finished = getState("finished");
	if (getState("started") === "true" && finished !== "true") {
		const context = await readAction(process.env);
		const target = JSON.parse(getState("target") || "{}");
		const raw = {
			...context.raw,
			command: "status",
			...target
		};
		const { view } = await start({
			...context,
			raw
		}, {
			write: (text) => process.stdout.write(text),
			github: true,
			color: true,
			cancel: new AbortController().signal,
			mask: (secret) => setSecret(secret),
			remember: () => {},
			completes: !["plan", "status"].includes(context.raw.command ?? "deploy")
		});
		if (finished === "") {
			await tell("job summary", () => summary.addRaw(renderSummary(view), true).write());
			const deployment = Number(getState("deployment"));
			const token = context.raw["github-token"];
			if (view.record === void 0 && deployment > 0 && token !== void 0) await giveUp(openGitHub({
				token,
				apiUrl: context.apiUrl
			}), context.source, deployment);
		}
	}
} catch (error) {
	notice(`The report could not be completed: ${error instanceof Error ? error.message : String(error)}`);
}
leave();
export {};
