UPDATE syncs SET read_to = watermark;
