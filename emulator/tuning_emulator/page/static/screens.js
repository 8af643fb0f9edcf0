/**
 * The screens, in the order of the navigation; the first is shown where the address names none.
 * Those that stand `within` another are reached from it.
 *
 * @type {import("./router.js").Screen[]}
 */
export const SCREENS = [
  { name: "jobs", load: () => import("./screens/jobs.js") },
];
