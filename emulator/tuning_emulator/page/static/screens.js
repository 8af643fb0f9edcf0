/**
 * The screens, in the order of the navigation; the first is shown where the address names none.
 * Those that stand `within` another are reached from it.
 *
 * @type {import("./router.js").Screen[]}
 */
export const SCREENS = [
  { name: "jobs", load: () => import("./screens/jobs.js") },
  { name: "new", within: "jobs", load: () => import("./screens/new.js") },
  { name: "job", within: "jobs", load: () => import("./screens/job.js") },
  { name: "dataset", load: () => import("./screens/dataset.js") },
  { name: "rehearsal", within: "dataset", load: () => import("./screens/rehearsal.js") },
  { name: "playground", load: () => import("./screens/playground.js") },
  { name: "requests", load: () => import("./screens/requests.js") },
  { name: "trouble", load: () => import("./screens/trouble.js") },
  { name: "state", load: () => import("./screens/state.js") },
  { name: "rules", within: "state", load: () => import("./screens/rules.js") },
  { name: "reference", load: () => import("./screens/reference.js") },
];
