//! What the film of the demonstration shows and plays: a drifting colour field with grain, and a tone.
//!
//! Called by `matroska`, frame by frame. Everything follows from the frame's number, so the film has the same
//! bytes each time; the grain makes all frames differ, so that a piece in the wrong place is seen.

/// Pixels in a row.
pub(super) const WIDTH: u32 = 320;
/// Rows.
pub(super) const HEIGHT: u32 = 180;
/// Frames in a second.
pub(super) const FRAME_RATE: u32 = 25;
/// Samples in a second, of one channel.
pub(super) const SAMPLE_RATE: u32 = 48_000;
/// Samples that play during one frame.
pub(super) const SAMPLES_A_FRAME: u32 = SAMPLE_RATE / FRAME_RATE;

/// The tone, in hertz.
const TONE: u32 = 440;
/// How far the tone swings from 0, of 32767: soft.
const LOUDNESS: i32 = 3000;

/// Appends one frame as I420: a byte of brightness for each pixel, then two planes of colour with one byte
/// for four pixels.
pub(super) fn put_frame(out: &mut Vec<u8>, frame: u32) {
    let mut grain = Grain(u64::from(frame));
    for row in 0..HEIGHT {
        for step in 0..WIDTH / 8 {
            let noise = grain.next().to_le_bytes();
            for (column, noise) in (step * 8..).zip(noise) {
                // 16 to 235 is the range of video; the field takes 40 to 199, the grain up to 31.
                let drift = (column + row + 2 * frame) % 320;
                let field = if drift < 160 { drift } else { 319 - drift };
                out.push(low_byte(40 + field) + noise % 32);
            }
        }
    }
    for plane in [frame, frame * 3] {
        for row in 0..HEIGHT / 2 {
            for column in 0..WIDTH / 2 {
                let around = (column + row + plane) % 128;
                out.push(low_byte(
                    64 + if around < 64 { around } else { 127 - around } * 2,
                ));
            }
        }
    }
}

/// Appends the sound of one frame: signed 16-bit little-endian samples of a triangle wave.
pub(super) fn put_sound(out: &mut Vec<u8>, frame: u32) {
    let first = u64::from(frame) * u64::from(SAMPLES_A_FRAME);
    for sample in first..first + u64::from(SAMPLES_A_FRAME) {
        // Where in its period the wave is, in parts of SAMPLE_RATE.
        let phase = sample * u64::from(TONE) % u64::from(SAMPLE_RATE);
        let phase = i32::try_from(phase).unwrap_or(0);
        let rate = i32::try_from(SAMPLE_RATE).unwrap_or(i32::MAX);
        let height = ((phase * 2 - rate).abs() - rate / 2) / (rate / 2 / 100);
        let value = i16::try_from(height * (LOUDNESS / 100)).unwrap_or(0);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// The lowest eight bits.
fn low_byte(number: u32) -> u8 {
    number.to_le_bytes()[0]
}

/// Numbers that look random (SplitMix64).
struct Grain(u64);

impl Grain {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn frames_have_the_length_of_their_format_and_differ() {
        let frames = [0, 1, 25].map(|number| {
            let mut frame = Vec::new();
            put_frame(&mut frame, number);
            frame
        });
        let pixels = usize::try_from(WIDTH * HEIGHT).unwrap();
        for frame in &frames {
            assert_eq!(frame.len(), pixels * 3 / 2);
        }
        assert_ne!(frames[0], frames[1]);
        assert_ne!(frames[1], frames[2]);
    }

    #[test]
    fn the_tone_swings_as_far_as_it_should_and_goes_on_over_frames() {
        let mut sound = Vec::new();
        put_sound(&mut sound, 7);
        put_sound(&mut sound, 8);
        let samples: Vec<i16> = sound
            .as_chunks::<2>()
            .0
            .iter()
            .map(|bytes| i16::from_le_bytes(*bytes))
            .collect();
        assert_eq!(samples.len(), usize::try_from(2 * SAMPLES_A_FRAME).unwrap());
        assert_eq!(*samples.iter().max().unwrap(), 3000);
        assert!(*samples.iter().min().unwrap() < -2900);
        // No click: a triangle of 440 Hz moves at most 110 between two samples, and some for rounding.
        let widest = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        assert!(widest.max().unwrap() <= 140);
    }
}
