from .pair_drawing import box_iou, draw_judged_pair, draw_pair, flip_box

__all__ = ['box_iou', 'draw_judged_pair', 'draw_pair', 'flip_box']
