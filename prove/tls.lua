-- TLS and HTTP/2 broken in every way: see spec/tls_sweep.lua.
--
--   lua5.4 prove/tls.lua [share]
local support = require "prove.support"
local sweep = require "tls_sweep"

local share = tonumber(arg[1]) or 1
support.stage("tls", sweep.certificates(support.check),
  "servers with a wrong certificate or an old version (and two of today that pass)")
support.stage("tls-records", sweep.records(share, support.check),
  "TLS connections cut and changed at every byte, handshake and answer")
support.stage("http2", sweep.http2(share, support.check),
  "HTTP/2 answers with GOAWAY, RST_STREAM and nonsense at every frame, cut and changed at every byte")
support.finish()
