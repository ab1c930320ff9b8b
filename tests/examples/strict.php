<?php
// Put in front of the PHP examples by their test: a warning is an error.
set_error_handler(static function (int $level, string $text, string $file, int $line): never {
    throw new ErrorException($text, 0, $level, $file, $line);
});
