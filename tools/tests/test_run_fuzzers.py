# SPDX-License-Identifier: Apache-2.0
import run_fuzzers


def fuzzer(build, name, text):
    program = build / "fuzz" / name
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(text)
    program.chmod(0o755)


def test_failing_fuzzer_fails(tmp_path, capsys):
    fuzzer(tmp_path, "good_fuzz", "#!/bin/sh\nexit 0\n")
    assert run_fuzzers.main([str(tmp_path)]) == 0
    fuzzer(tmp_path, "bad_fuzz", "#!/bin/sh\necho heap-buffer-overflow >&2\nexit 77\n")
    assert run_fuzzers.main([str(tmp_path)]) == 1
    assert "bad_fuzz failed with status 77" in capsys.readouterr().out


def test_time_and_folders_are_given(tmp_path):
    fuzzer(tmp_path, "echo_fuzz", '#!/bin/sh\necho "$@" > "$0.arguments"\n')
    assert run_fuzzers.main([str(tmp_path), "--seconds", "7"]) == 0
    arguments = (tmp_path / "fuzz/echo_fuzz.arguments").read_text()
    assert "-max_total_time=7" in arguments and "corpus/echo_fuzz" in arguments


def test_no_fuzzer_fails(tmp_path):
    assert run_fuzzers.main([str(tmp_path)]) == 1
