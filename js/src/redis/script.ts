// The script that Redis runs for each batch of calls: it compares what the calls were judged by with what is there, and
// writes all that they write, or answers with what is there. It knows nothing of proofs, limits and budgets.

/** How long a subject's rows outlive the last of them in Redis: 10 min, as its clock may differ from those of gates. */
const MARGIN = 10 * 60 * 1000;
/** How long a subject with nothing left keeps the time: 25 h, as an object of the Worker does. */
const KEEPS_TIME = 25 * 60 * 60 * 1000;
/** How far the stored time may be behind that of the latest call: 1 s. What it saves is that calls of the same instant conflict. */
const CLOCK_STEP = 1000;
/** Rows that one purge removes at most, as `state::subject::PURGED_AT_ONCE` has it. */
const PURGED_AT_ONCE = 5000;

/**
 * `KEYS`: the rows, a hash of texts by field, with how many there are of each kind under `#` and the kind; when they end,
 * a sorted set; the clock, a hash.
 *
 * `ARGV`: an identifier of this batch; the time that it was judged at; what to do: `commit` compares and writes, `look`
 * answers with what is there, `purge` does so after removing what has ended; the version that the rows must have, or
 * nothing; then lists, each after its length: counts (kind, `<` for at most or `=`, the count), rows (field, text or
 * nothing), lists of rows (kind, the field after which they begin, how many at most), rows to write (field, when they end,
 * text; nothing removes).
 *
 * Answers `ok`, or lines with what is there: `no`, the time, the version, each count, each row, each list after its length.
 * All it reads it reads before it writes, so that an error leaves everything as it was.
 */
export const SCRIPT = `
local rows, ends, clock = KEYS[1], KEYS[2], KEYS[3]
local place = 0
local function take()
  place = place + 1
  return ARGV[place]
end
local function whole(number)
  return string.format('%.0f', number)
end
local NEVER = 9007199254740991
local id, now, what, version = take(), tonumber(take()), take(), take()

local known = redis.call('HMGET', clock, 'id', 'at', 'version', 'end', 'gone')
if known[1] == id then
  return 'ok'
end
local at, stored_version, last, gone = tonumber(known[2] or 0), known[3] or '0', known[4], known[5]
local server = redis.call('TIME')
local server_now = server[1] * 1000 + math.floor(server[2] / 1000)
local has_rows, has_ends = redis.call('EXISTS', rows), redis.call('EXISTS', ends)
if has_rows ~= has_ends then
  return redis.error_reply('COUNTERSIGN rows are incomplete')
end
if has_rows == 0 and last then
  if not gone or tonumber(gone) > server_now then
    return redis.error_reply('COUNTERSIGN rows are gone before their time')
  end
  at = math.max(at, tonumber(last))
end

local deltas = {}
local function count(field, delta)
  local kind = string.match(field, '^%d+')
  deltas[kind] = (deltas[kind] or 0) + delta
end
local function purge(until_, most)
  local ended = redis.call('ZRANGEBYSCORE', ends, '-inf', whole(until_), 'LIMIT', 0, most)
  for _, field in ipairs(ended) do
    redis.call('HDEL', rows, field)
    redis.call('ZREM', ends, field)
    count(field, -1)
  end
end
local function keep()
  for kind, delta in pairs(deltas) do
    redis.call('HINCRBY', rows, '#' .. kind, delta)
  end
  deltas = {}
  local latest = redis.call('ZRANGE', ends, -1, -1, 'WITHSCORES')
  if not latest[2] then
    redis.call('DEL', rows)
    redis.call('HDEL', clock, 'end', 'gone')
    redis.call('PEXPIRE', clock, ${KEEPS_TIME})
    return
  end
  local ends_at = tonumber(latest[2])
  if ends_at >= NEVER then
    redis.call('HSET', clock, 'end', whole(NEVER))
    redis.call('HDEL', clock, 'gone')
    redis.call('PERSIST', rows)
    redis.call('PERSIST', ends)
    redis.call('PERSIST', clock)
    return
  end
  local gone_at = server_now + math.max(ends_at - now, 0) + ${MARGIN}
  redis.call('HSET', clock, 'end', whole(ends_at), 'gone', whole(gone_at))
  redis.call('PEXPIREAT', rows, whole(gone_at))
  redis.call('PEXPIREAT', ends, whole(gone_at))
  redis.call('PEXPIREAT', clock, whole(gone_at + ${KEEPS_TIME}))
end

if what == 'purge' then
  at = math.max(at, now)
  now = at
  redis.call('HSET', clock, 'at', whole(at))
  purge(at, ${PURGED_AT_ONCE})
  keep()
end

local holds = what == 'commit' and at <= now and (version == '' or version == stored_version)
local told = { 'no', whole(at), stored_version }
for _ = 1, tonumber(take()) do
  local kind, sign, bound = take(), take(), tonumber(take())
  local is = tonumber(redis.call('HGET', rows, '#' .. kind) or 0)
  holds = holds and is <= bound and (sign == '<' or is == bound)
  told[#told + 1] = whole(is)
end
for _ = 1, tonumber(take()) do
  local field, expected = take(), take()
  local text = redis.call('HGET', rows, field) or ''
  told[#told + 1] = text
  if text ~= expected then
    local until_ = tonumber(string.match(text, '^(%d+):') or NEVER)
    holds = holds and expected == '' and until_ <= now
  end
end
for _ = 1, tonumber(take()) do
  local kind, after, most = take() .. ':', take(), tonumber(take())
  local fields = {}
  for _, field in ipairs(redis.call('HKEYS', rows)) do
    if string.sub(field, 1, #kind) == kind and field > after then
      fields[#fields + 1] = field
    end
  end
  table.sort(fields)
  local first = #told + 1
  told[first] = whole(math.min(#fields, most))
  for place = 1, math.min(#fields, most) do
    told[#told + 1] = fields[place] .. '=' .. redis.call('HGET', rows, fields[place])
  end
end
if not holds then
  return table.concat(told, '\\n')
end

local changes = tonumber(take())
if now - at >= ${CLOCK_STEP} then
  at = now
end
if changes == 0 then
  if known[2] and tonumber(known[2]) < at then
    redis.call('HSET', clock, 'at', whole(at))
  end
  return 'ok'
end
redis.call('HSET', clock, 'id', id, 'at', whole(at), 'version', whole(tonumber(stored_version) + 1))
purge(at, 2 * changes + 16)
for _ = 1, changes do
  local field, until_, text = take(), take(), take()
  if text == '' then
    count(field, -redis.call('HDEL', rows, field))
    redis.call('ZREM', ends, field)
  else
    count(field, redis.call('HSET', rows, field, text))
    redis.call('ZADD', ends, until_, field)
  end
end
keep()
return 'ok'
`;
