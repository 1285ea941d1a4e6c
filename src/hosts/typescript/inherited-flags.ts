/** Flags that are about the one program and its text, or that two processes cannot share. */
const OWN = /^--(?:inspect|watch|test|input-type|eval|print|check|interactive|prof|cpu-prof|heap-prof)/;
/** The same flags with their value as the next word. */
const OWN_WITH_VALUE = /^(?:-e|-p|-pe|--eval|--print|--input-type|--watch-path|--inspect-port)$/;
const OWN_SHORT = /^-[cip]$/;

/** Those flags of this program that a process with its nodes is to have as well: loaders, conditions, limits. */
export function inheritedFlags(flags: readonly string[]): string[] {
  const inherited: string[] = [];
  for (let index = 0; index < flags.length; index++) {
    const flag = flags[index] as string;
    if (OWN_WITH_VALUE.test(flag)) index++;
    else if (!OWN.test(flag) && !OWN_SHORT.test(flag)) inherited.push(flag);
  }
  return inherited;
}
