/** Months as dates in HTTP have them (RFC 9110 §5.6.7). */
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/**
 * Milliseconds that a `Retry-After` (RFC 9110 §10.2.3) asks for: seconds, or a date in any of its three forms; 0 where that
 * has passed. `undefined` where it is neither.
 */
export function retryAfter(value: string | null, now: number): number | undefined {
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const time = httpDate(value, now);
  return time === undefined ? undefined : Math.max(0, time - now);
}

function httpDate(text: string, now: number): number | undefined {
  const imf = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/.exec(text);
  if (imf) return timeOf(imf[3], imf[2], imf[1], imf.slice(4));
  const asctime = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/.exec(text);
  if (asctime) return timeOf(asctime[6], asctime[1], asctime[2], asctime.slice(3, 6));
  const rfc850 = /^[A-Z][a-z]+day, (\d{2})-([A-Z][a-z]{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/.exec(text);
  if (!rfc850) return undefined;
  // Two digits that seem to lie more than 50 years ahead are in the past.
  const thisYear = new Date(now).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + Number(rfc850[3]);
  return timeOf(String(year > thisYear + 50 ? year - 100 : year), rfc850[2], rfc850[1], rfc850.slice(4));
}

function timeOf(year = "", month = "", day = "", [hours = "", minutes = "", seconds = ""]: readonly string[] = []): number | undefined {
  const index = MONTHS.indexOf(month);
  const [h, m, s] = [Number(hours), Number(minutes), Number(seconds)];
  if (index < 0 || h > 23 || m > 59 || s > 60) return undefined;
  const time = Date.UTC(Number(year), index, Number(day), h, m, s);
  // The 31st of a shorter month is none.
  return new Date(Date.UTC(Number(year), index, Number(day))).getUTCMonth() === index && Number(day) > 0 ? time : undefined;
}
