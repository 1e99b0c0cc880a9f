local posix = require "awork.posix"
local help = require "client_help"

describe("tasks", function()
  local server, client, id

  -- Steps until the task is in that state: how many tasks a step resumes depends on the time they take.
  local function step_until(task, state)
    for _ = 1, 1000 do
      if task:status() == state then
        return
      end
      client:step()
    end
    error(("%s did not become %s"):format(tostring(task), state))
  end

  setup(function()
    server = help.server()
    id = server.user_ids[1]
  end)

  teardown(function()
    server.stop()
  end)

  before_each(function()
    server.reset()
    client = help.client(server)
  end)

  after_each(function()
    client:close()
  end)

  it("run in turns and give their results to whoever waits", function()
    local order = {}
    local function work(name, ...)
      order[#order + 1] = name
      local user = assert(client.users:me())
      order[#order + 1] = name
      return user.id, nil, ...
    end
    local a = client:spawn(work, "a", 1, nil)
    local b = client:spawn(work, "b")
    assert.same({}, order)
    assert.equal("ready", a:status())
    assert.is_false(a:done())
    assert.is_true((client:loop()))
    assert.equal("a", order[1])
    assert.equal("b", order[2])
    assert.equal("done", a:status())
    assert.is_true(b:done())
    local results = table.pack(a:wait())
    assert.equal(4, results.n)
    assert.equal(server.me_id, results[1])
    assert.equal(1, results[3])
    assert.equal(server.me_id, (b:wait()))
    assert.matches("^awork%.task: 1 %(done%)$", tostring(a))
  end)

  it("overlap: twenty requests of 50 ms take far less than a second", function()
    server.fault { kind = "delay", seconds = 0.05, times = math.huge }
    for _ = 1, 20 do
      client:spawn(function() assert(client.users:me()) end)
    end
    assert(client:loop())
    assert.equal(20, #server.requests())
    assert.is_true(client:stats().connections > 1)
    server.clear_faults()
  end)

  it("show nothing of what they know, and are told from what is none", function()
    local task = client:spawn(function() return client.users:me() end)
    assert.is_nil(next(task))
    assert.matches("^awork%.task: %d+ %(ready%)$", tostring(task))
    task.wait, task._scheduler = nil, {} -- what a script puts there is its own
    assert(task:wait())
    for _, method in ipairs { "wait", "done", "status", "cancel" } do
      assert.error_matches(function() task[method] {} end, "awork%.task expected")
      assert.error_matches(function() task[method]() end, "awork%.task expected")
    end
  end)

  it("may use every method, also each and patch and create_many", function()
    local task = client:spawn(function()
      local created = assert(client.contact_infos:create(id, help.phone()))
      assert(client.contact_infos:patch(id, created.id, { value = "12345" }))
      assert(client.contact_infos:get(id, created.id))
      local n = 0
      for info in client.contact_infos:each(id) do
        assert.equal("12345", info.value)
        n = n + 1
      end
      assert.is_true(client.contact_infos:delete(id, created.id))
      local report = client.contact_infos:create_many { { user_id = id, info = help.phone() } }
      assert.is_true(report.ok)
      assert.is_true((client:request("POST", "/users/" .. id .. "/activate")))
      assert.is_true(client:sleep(0.01))
      return n
    end)
    assert.equal(1, (task:wait()))
  end)

  it("hand nil and an error on", function()
    local task = client:spawn(function() return client.users:get(help.nobody) end)
    local user, err = task:wait()
    assert.is_nil(user)
    assert.equal(404, err.status)
    assert.equal("done", task:status())
    assert.is_true((client:loop()))
  end)

  describe("that raise", function()
    it("give nil, err with a traceback and the cause", function()
      local cause = {}
      local function inner()
        error(cause)
      end
      local task = client:spawn(function()
        client.users:me()
        inner()
      end)
      local value, err = task:wait()
      assert.is_nil(value)
      assert.equal("callback", err.kind)
      assert.equal("task-failed", err.code)
      assert.equal(cause, err.cause)
      assert.matches("spawn_spec%.lua:%d+", err.traceback)
      assert.matches("inner", err.traceback)
      assert.equal("failed", task:status())
    end)

    it("an error of ours hand it on as it is", function()
      local task = client:spawn(function()
        local _, err = client.users:get(help.nobody)
        error(err) -- as Lua's own assert would
      end)
      local value, err = task:wait()
      assert.is_nil(value)
      assert.equal(404, err.status)
      assert.matches("spawn_spec", err.traceback)
    end)

    it("are told by loop, once, when nobody waits for them; the others go on", function()
      local other
      client:spawn(function() error "first" end)
      client:spawn(function() error "second" end)
      client:spawn(function() other = client.users:me() end)
      local ok, err = client:loop()
      assert.is_nil(ok)
      assert.matches("first", err.description)
      assert.is_table(other)
      assert.is_true((client:loop()))
    end)

    it("are not told by loop when someone has waited for them", function()
      local task = client:spawn(function() error "x" end)
      step_until(task, "failed")
      assert.is_nil((task:wait()))
      assert.is_true((client:loop()))
    end)

    it("reach the log when nobody waits for them", function()
      local lines = {}
      local told <close> = help.client(server, { log = function(level, message, fields)
        lines[#lines + 1] = { level, message, fields }
      end })
      told:spawn(function() error "x" end)
      told:step()
      assert.equal("error", lines[1][1])
      assert.equal("task-failed", lines[1][2])
      assert.matches("spawn_spec", lines[1][3].traceback)
    end)
  end)

  describe("wait for each other", function()
    it("and get each other's results", function()
      local inner = client:spawn(function() return assert(client.users:me()).id end)
      local outer = client:spawn(function() return "got", inner:wait() end)
      local again = client:spawn(function() return inner:wait() end)
      assert(client:loop())
      assert.same({ "got", server.me_id }, { outer:wait() })
      assert.equal(server.me_id, (again:wait()))
    end)

    it("but not for themselves, also not by way of others", function()
      local one, two
      one = client:spawn(function() return two:wait() end)
      two = client:spawn(function() return one:wait() end)
      client:loop()
      local _, err = one:wait()
      assert.is_nil(_)
      local _, other = two:wait()
      assert.is_true(tostring(err):find("can't wait for itself", 1, true) ~= nil
        or tostring(other):find("can't wait for itself", 1, true) ~= nil)
      local own
      own = client:spawn(function() return own:wait() end)
      assert.matches("can't wait for itself", tostring(select(2, own:wait())))
    end)

    it("and a wait that can't end raises", function()
      local task
      task = client:spawn(function()
        return coroutine.wrap(function() return task:wait() end)()
      end)
      assert.matches("waits for the one that called wait", tostring(select(2, task:wait())))
      task = client:spawn(function() client:loop() end)
      assert.matches("loop called inside a task", tostring(select(2, task:wait())))
      task = client:spawn(function() coroutine.wrap(function() client:loop() end)() end)
      assert.matches("wait for the one that called it", tostring(select(2, task:wait())))
    end)
  end)

  describe("with coroutines of their own", function()
    it("go on after a yield of their own, after the others had a turn", function()
      local order = {}
      for _, name in ipairs { "a", "b" } do
        client:spawn(function()
          for i = 1, 2 do
            order[#order + 1] = name .. i
            assert.is_nil((coroutine.yield "anything"))
          end
        end)
      end
      assert.equal(0, client:timeout())
      assert(client:loop())
      assert.same({ "a1", "b1", "a2", "b2" }, order)
    end)

    it("block in a generator, and the generator gets what it yields", function()
      local task = client:spawn(function()
        local next_value = coroutine.wrap(function()
          for _ = 1, 3 do
            coroutine.yield(assert(client.users:me()).id)
          end
        end)
        return next_value(), next_value(), next_value()
      end)
      assert.same({ server.me_id, server.me_id, server.me_id }, { task:wait() })
    end)

    it("block where they can't yield", function()
      local task = client:spawn(function()
        local list = { 3, 1, 2 }
        table.sort(list, function(a, b)
          assert(client.users:me())
          assert(client:sleep(0))
          return a < b
        end)
        local text = ("ab"):gsub(".", function() return assert(client.users:me()).id end)
        return list[1], text
      end)
      local first, text = task:wait()
      assert.equal(1, first)
      assert.equal(server.me_id:rep(2), text)
    end)

    it("don't disturb others when they block there", function()
      local done = 0
      for _ = 1, 5 do
        client:spawn(function()
          assert(client.users:me())
          coroutine.wrap(function()
            assert(client.users:me())
            assert(client:sleep(0.001))
          end)()
          assert(client.users:me())
          done = done + 1
        end)
      end
      assert(client:loop())
      assert.equal(5, done)
    end)

    it("wait for tasks from inside one, by driving them", function()
      local inner = client:spawn(function() return assert(client.users:me()).id end)
      local outer = client:spawn(function()
        return coroutine.wrap(function() return (inner:wait()) end)()
      end)
      assert.equal(server.me_id, (outer:wait()))
    end)
  end)

  it("do not hinder a plain call, which does not run them", function()
    local ran = false
    local task = client:spawn(function()
      ran = true
      return assert(client.users:me()).id
    end)
    assert(client.users:me())
    assert.is_false(ran)
    client:step()
    assert(client.users:me())
    assert(client:sleep(0.05))
    assert.is_false(task:done())
    assert.equal(server.me_id, (task:wait()))
  end)

  it("of one client block in calls of another", function()
    local other <close> = help.client(server)
    local task = client:spawn(function() return assert(other.users:me()).id end)
    client:step()
    assert.is_true(task:done())
  end)

  describe("cancelled", function()
    it("before they ran never run", function()
      local ran = false
      local task = client:spawn(function() ran = true end)
      assert.is_true(task:cancel())
      assert.is_false(task:cancel())
      assert(client:loop())
      assert.is_false(ran)
      local value, err = task:wait()
      assert.is_nil(value)
      assert.equal("cancelled", err.kind)
      assert.equal("cancelled", task:status())
    end)

    it("while they wait end at once, and close what is to be closed", function()
      server.fault { kind = "delay", seconds = 5 }
      local closed, after = false, false
      local task = client:spawn(function()
        local guard <close> = setmetatable({}, { __close = function() closed = true end })
        client.users:me()
        after = guard
      end)
      step_until(task, "waiting")
      assert.is_true(task:cancel())
      assert.is_true(closed)
      assert.is_false(after)
      assert.equal(0, client:step())
      assert.equal(0, client:stats().in_flight)
      assert.is_nil(client:timeout())
    end)

    it("wake those that wait for them", function()
      server.fault { kind = "delay", seconds = 5 }
      local task = client:spawn(function() client.users:me() end)
      local waiter = client:spawn(function() return task:wait() end)
      step_until(task, "waiting")
      step_until(waiter, "waiting")
      task:cancel()
      local _, err = waiter:wait()
      assert.equal("cancelled", err.kind)
    end)

    it("while they wait for another leave that one alone", function()
      local task = client:spawn(function() return assert(client.users:me()).id end)
      local waiter = client:spawn(function() return task:wait() end)
      step_until(waiter, "waiting")
      waiter:cancel()
      assert.equal(server.me_id, (task:wait()))
    end)

    it("by themselves end where they next wait", function()
      local reached, passed = false, false
      local task
      task = client:spawn(function()
        task:cancel()
        reached = true
        client.users:me()
        passed = true
      end)
      client:loop()
      assert.is_true(reached)
      assert.is_false(passed)
      assert.equal("cancelled", task:status())
      task = client:spawn(function() task:cancel() return 5 end)
      local value, err = task:wait()
      assert.is_nil(value)
      assert.equal("cancelled", err.kind)
    end)

    it("in the middle of a sleep or a yield of their own end, too", function()
      local sleeper = client:spawn(function() client:sleep(100) end)
      local yielder = client:spawn(function() while true do coroutine.yield() end end)
      client:step()
      sleeper:cancel()
      yielder:cancel()
      assert(client:loop())
      assert.equal("cancelled", yielder:status())
    end)

    it("with a closing variable that raises are cancelled all the same", function()
      local lines = {}
      local told <close> = help.client(server, { log = function(_, message) lines[#lines + 1] = message end })
      local task = told:spawn(function()
        local guard <close> = setmetatable({}, { __close = function() error "no" end })
        told:sleep(100)
        return guard
      end)
      told:step()
      assert.is_true(task:cancel())
      assert.same({ "task-failed" }, lines)
    end)
  end)

  describe("at close", function()
    it("get an error of kind closed, may finish, and can't begin anything", function()
      server.fault { kind = "delay", seconds = 5 }
      local got, second
      local task = client:spawn(function()
        local _, err = client.users:me()
        got = err
        second = table.pack(pcall(client.users.me, client.users))
        return "finished"
      end)
      local failed = client:spawn(function() error "on purpose" end)
      step_until(failed, "failed")
      step_until(task, "waiting")
      local late = client:spawn(function() error "not reached" end)
      client:close()
      assert.equal("closed", got.kind)
      assert.is_false(second[1])
      assert.equal("finished", (task:wait()))
      assert.equal("cancelled", late:status())
      assert.equal("closed", select(2, late:wait()).kind)
    end)

    it("get the answer that has come already", function()
      local task = client:spawn(function() return assert(client.users:me()).id end)
      client:step()
      for _ = 1, 1000 do
        if client.engine:wait(0.01) > 0 then
          break
        end
      end
      client:close()
      assert.equal(server.me_id, (task:wait()))
    end)

    it("are stopped when they would wait again, sleep, yield, or wait for each other", function()
      server.fault { kind = "delay", seconds = 5, times = math.huge }
      local base = client:spawn(function()
        client.users:me()
        coroutine.yield()
        coroutine.yield()
        return "never"
      end)
      local waiter = client:spawn(function() return base:wait() end)
      local sleeper = client:spawn(function()
        local ok, err = client:sleep(100)
        return ok, err.kind
      end)
      local yielder = client:spawn(function() while true do coroutine.yield() end end)
      for _, task in ipairs { base, waiter, sleeper } do
        step_until(task, "waiting")
      end
      client:close()
      assert.equal("cancelled", base:status())
      assert.equal("closed", select(2, base:wait()).kind)
      assert.is_true(waiter:done())
      assert.equal("closed", select(2, sleeper:wait()))
      assert.equal("cancelled", yielder:status())
    end)

    it("inside a task: it goes on until it next calls or waits", function()
      local reached
      local task = client:spawn(function()
        assert(client.users:me())
        client:close()
        reached = true
        client.users:me()
      end)
      local ok, err = task:wait()
      assert.is_nil(ok)
      assert.is_true(reached)
      assert.matches("the client is closed", err.description)
    end)

    it("inside a task that then yields: it is stopped", function()
      local task = client:spawn(function()
        client:close()
        coroutine.yield()
      end)
      local other = client:spawn(function() client:sleep(10) end)
      local _, err = task:wait()
      assert.equal("closed", err.kind)
      assert.is_true(other:done())
    end)
  end)

  it("are let go by the collector with their client, and it ends what is in flight", function()
    server.fault { kind = "delay", seconds = 5 }
    local weak = setmetatable({}, { __mode = "v" })
    do
      local lost = help.client(server)
      weak.client = lost
      weak.task = lost:spawn(function() lost.users:me() end)
      lost:step()
    end
    for _ = 1, 3 do
      collectgarbage()
    end
    assert.is_nil(weak.client)
    assert.is_nil(weak.task)
  end)

  it("keep their client alive while someone holds them", function()
    local task
    do
      local held = help.client(server)
      task = held:spawn(function() return assert(held.users:me()).id end)
    end
    collectgarbage()
    collectgarbage()
    assert.equal(server.me_id, (task:wait()))
  end)

  describe("in a host's loop", function()
    it("move on by step alone, which never blocks, with timeout and sockets to poll by", function()
      server.fault { kind = "delay", seconds = 0.05 }
      local task = client:spawn(function() return assert(client.users:me()).id end)
      assert.equal(0, client:timeout())
      local left = 1
      for _ = 1, 10000 do
        left = client:step()
        if left == 0 then
          break
        end
        local timeout = client:timeout()
        assert.is_true(timeout == nil or timeout >= 0)
        for _, socket in ipairs(client:sockets()) do
          assert.equal("integer", math.type(socket.fd))
          assert.is_boolean(socket.read)
          assert.is_boolean(socket.write)
        end
        client.engine:wait(0.005)
      end
      assert.equal(0, left)
      assert.equal(server.me_id, (task:wait()))
      client:step() -- the one before may have ended at its time limit, not at the end of the results
      assert.is_nil(client:timeout())
    end)

    -- '["aaaa…"]', and the same as gzip: RFC 1951, one block of fixed codes, each pair of which repeats 258 a.
    local function repetition(pairs)
      local bits = { "110" } -- the last block, fixed codes
      local function literal(c)
        for bit = 7, 0, -1 do
          bits[#bits + 1] = ("%d"):format(0x30 + c:byte() >> bit & 1)
        end
      end
      literal "["
      literal '"'
      literal "a"
      bits[#bits + 1] = ("11000101" .. "00000"):rep(pairs) -- length 258, distance 1
      literal '"'
      literal "]"
      bits[#bits + 1] = "0000000" -- the end
      local text = '["' .. ("a"):rep(258 * pairs + 1) .. '"]'
      local deflated = (table.concat(bits) .. ("0"):rep(7)):gsub("%d%d%d%d%d%d%d%d", function(byte)
        return string.char(tonumber(byte:reverse(), 2))
      end):gsub("[01]+$", "")
      return text, "\x1f\x8b\8\0\0\0\0\0\0\xff" .. deflated .. ("<I4I4"):pack(posix.crc32(text), #text)
    end

    it("take no more than 256 KiB of an answer in a step, however few bytes it came in", function()
      local text, packed = repetition(16384)
      assert.is_true(#packed < #text // 100)
      for _, body in ipairs { text, packed } do
        server.fault { kind = "status", status = 200, path = "/users/me", body = body,
          headers = body == packed and { ["Content-Encoding"] = "gzip" } or nil, content_type = "application/json" }
        local task = client:spawn(function()
          return client:request("GET", "/users/me")
        end)
        local steps = 0
        while client:wait(5) > 0 do
          steps = steps + 1
        end
        local value = assert(task:wait())
        assert.equal(#text - 4, #value[1])
        assert.is_true(steps >= #text // (256 * 1024), steps .. " steps")
      end
    end)

    it("take turns among large answers", function()
      local text, packed = repetition(16384)
      server.fault { kind = "status", status = 200, path = "/users/me", body = packed, times = 5,
        headers = { ["Content-Encoding"] = "gzip" }, content_type = "application/json" }
      local got = 0
      for _ = 1, 5 do
        client:spawn(function()
          local value = assert(client:request("GET", "/users/me"))
          got = got + #value[1]
        end)
      end
      assert.is_true(client:loop())
      assert.equal(5 * (#text - 4), got)
      -- One that is given up while it is received is no one else's trouble.
      server.fault { kind = "status", status = 200, path = "/users/me", body = packed, times = 3,
        headers = { ["Content-Encoding"] = "gzip" }, content_type = "application/json" }
      for i = 1, 40 do
        local task = client:spawn(function()
          return client:request("GET", "/users/me")
        end)
        for _ = 1, i do
          client:wait(0.01)
        end
        task:cancel()
        server.clear_faults()
        assert.is_truthy(client.users:me())
        server.fault { kind = "status", status = 200, path = "/users/me", body = packed, times = 3,
          headers = { ["Content-Encoding"] = "gzip" }, content_type = "application/json" }
      end
      server.clear_faults()
      -- And one that is too large is an error, also when it turns out late.
      local small <close> = help.client(server, { max_body = 1000000 })
      server.fault { kind = "status", status = 200, path = "/users/me", body = packed,
        headers = { ["Content-Encoding"] = "gzip" }, content_type = "application/json" }
      local _, err = small:spawn(function()
        return small:request("GET", "/users/me")
      end):wait()
      assert.equal("body-too-large", err.code)
      assert.is_truthy(small.users:me())
    end)

    it("move on by wait", function()
      local task = client:spawn(function() return assert(client.users:me()).id end)
      for _ = 1, 1000 do
        if client:wait(0.1) == 0 then
          break
        end
      end
      assert.is_true(task:done())
      assert.has_error(function() client:wait(-1) end)
      assert.has_error(function() client:wait "1" end)
      assert.has_error(function() client:sleep(-1) end)
      assert.has_error(function() client:spawn(5) end)
    end)

    it("never hold it for long: a step resumes a bounded number of them", function()
      local ran = 0
      for _ = 1, 100 do
        client:spawn(function() ran = ran + 1 end)
      end
      client:step()
      assert.is_true(ran > 0 and ran < 100)
      assert.equal(0, client:timeout())
      assert(client:loop())
      assert.equal(100, ran)
    end)

    it("get less of a step the longer they take", function()
      local now = require "awork.core".now
      local ran = 0
      for _ = 1, 20 do
        client:spawn(function()
          local ends = now() + 0.001
          repeat until now() >= ends
          ran = ran + 1
        end)
      end
      client:step()
      assert.equal(1, ran)
      assert.equal(0, client:timeout())
      assert(client:loop())
      assert.equal(20, ran)
    end)
  end)

  describe("that compute for long", function()
    -- Computes until its turn was ended so many times.
    local function compute(turns, each)
      return function()
        for _ = 1, turns do
          while not client:yield() do
            each()
          end
        end
        return "through"
      end
    end

    it("end their turns by yield, and others run meanwhile", function()
      local work, seen = 0, {}
      local busy = client:spawn(compute(5, function()
        work = work + 1
      end))
      local other = client:spawn(function()
        for _ = 1, 5 do
          seen[#seen + 1] = work
          coroutine.yield()
        end
      end)
      local steps = 0
      repeat
        steps = steps + 1
        client:step()
        assert.is_true(busy:done() or client:timeout() == 0)
      until busy:done() and other:done()
      assert.is_true(steps >= 5)
      assert.equal("through", (busy:wait()))
      for i = 2, #seen do
        assert.is_true(seen[i] >= seen[i - 1])
      end
      assert.is_true(seen[5] > seen[1])
    end)

    it("take the same turns in every run when a test gives the clock", function()
      local at = 0
      local virtual <close> = help.client(server, { clock = function()
        return at
      end, sleep = function(seconds)
        at = at + seconds
      end })
      local work, ended = 0, 0
      local task = virtual:spawn(function()
        for _ = 1, 640 do
          work = work + 1
          ended = ended + (virtual:yield() and 1 or 0)
        end
      end)
      local seen = {}
      repeat
        virtual:step()
        seen[#seen + 1] = work
      until task:done()
      assert.equal(10, ended)
      assert.same({ 64, 128, 192, 256, 320, 384, 448, 512, 576, 640, 640 }, seen)
    end)

    it("go on at once in wait, loop and task:wait", function()
      local function nothing() end
      local task = client:spawn(compute(3, nothing))
      while client:wait(3600) > 0 do
        assert.is_false(task:done())
      end
      assert.is_true(task:done())
      client:spawn(compute(3, nothing))
      assert.is_true(client:loop())
      assert.equal("through", (client:spawn(compute(3, nothing)):wait()))
    end)

    it("can be cancelled and closed between two turns", function()
      local closed = 0
      local function endless()
        local _ <close> = setmetatable({}, { __close = function()
          closed = closed + 1
        end })
        while true do
          client:yield()
        end
      end
      local task, other = client:spawn(endless), client:spawn(endless)
      client:step()
      client:step()
      assert.is_true(task:cancel())
      assert.equal("cancelled", select(2, task:wait()).kind)
      assert.equal(1, closed)
      client:close()
      assert.equal(2, closed)
      assert.equal("closed", select(2, other:wait()).kind)
    end)

    it("never end a turn where that would disturb others: outside tasks, in generators and comparators", function()
      local function spin()
        for _ = 1, 100000 do
          assert.is_false(client:yield())
        end
      end
      spin()
      local got = {}
      local task = client:spawn(function()
        for i in coroutine.wrap(function()
          spin()
          coroutine.yield(1)
          spin()
          coroutine.yield(2)
        end) do
          got[#got + 1] = i
        end
        table.sort({ 2, 1 }, function(a, b)
          spin()
          return a < b
        end)
        return "sorted"
      end)
      assert.equal("sorted", (task:wait()))
      assert.same({ 1, 2 }, got)
    end)
  end)

  it("may spawn tasks", function()
    local n = 0
    local function grow(depth)
      n = n + 1
      if depth > 0 then
        client:spawn(grow, depth - 1)
        client:spawn(grow, depth - 1)
      end
      assert(client.users:me())
    end
    client:spawn(grow, 4)
    assert(client:loop())
    assert.equal(31, n)
  end)
end)
