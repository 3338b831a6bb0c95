import { platform } from "#platform";

/** Some milliseconds. */
export function pause(millis: number): Promise<void> {
  return new Promise((over) => setTimeout(over, millis));
}

/** What work gives; nothing where it fails, or takes longer than so many milliseconds. */
export async function within<T>(millis: number, work: () => Promise<T> | T, failed = () => {}): Promise<T | undefined> {
  let stop = () => {};
  const late = new Promise<never>((_, over) => void (stop = platform.after(millis, () => over(new Error("late")))));
  try {
    return await Promise.race([work(), late]);
  } catch {
    failed();
    return undefined;
  } finally {
    stop();
  }
}
